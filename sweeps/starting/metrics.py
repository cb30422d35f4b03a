"""The figure that decides in a training script, and how its value is read, by its source alone."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from darkmagic.sweeps.starting.lines import ScriptMetric, figures_of
from darkmagic.sweeps.starting.printed import HOLE, name_of, printed, text_of
from darkmagic.sweeps.starting.words import SPLITS, rank_of

__all__ = ["ScriptMetric", "find_metric"]

NAMED = ("log", "log_metric", "log_scalar", "add_scalar", "report_scalar")
"""Calls whose first argument names a figure."""
OF_ROWS = (
    *("log", "log_dict", "log_metrics", "dumps", "dump", "writerow", "append", "DataFrame"),
    *("print", "DictWriter"),
)
"""Calls that are given figures by name."""
WORDS = re.compile(r"[\w/]+")
BARE = ("accuracy", "acc", "loss")
USUAL = (
    *("val_acc", "val_accuracy", "valid_acc", "val_f1", "val/acc", "val_loss", "val/loss"),
    "test_acc",
    *BARE,
)


def find_metric(text: str, tree: ast.AST) -> ScriptMetric | None:
    r"""Return the figure of a script that is likeliest to decide; None where none is seen.

    Of validation data before test data before data unnamed, a score before a loss; never of the
    data that it trains on. What is logged by a name is preferred to what is printed alike. Where
    nothing is logged or printed, a usual name in the script's texts and comments is guessed.

    >>> text = "print(f'valid accuracy: {a:.1f}%')"
    >>> found = find_metric(text, ast.parse(text))
    >>> found.name, found.pattern, found.percent
    ('valid_accuracy', 'valid\\s+accuracy:\\s+([-+.\\w]+)', True)
    """
    found = [
        (rank, kind, number, metric)
        for number, (kind, words, metric) in enumerate(_figures(tree))
        if (rank := rank_of(words)) is not None
    ]
    return min(found, key=lambda each: each[:3])[3] if found else _guess(text)


def _guess(text: str) -> ScriptMetric | None:
    kinds = (tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", -1))
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (tokenize.TokenError, SyntaxError):
        return None
    texts = [each.string for each in tokens if each.type in kinds]
    words = {word for each in texts for word in WORDS.findall(each)} - set(BARE)
    words |= {each.strip("'\"") for each in texts}  # a bare word counts where it is all there is
    return next((ScriptMetric(name, guessed=True) for name in USUAL if name in words), None)


def _figures(tree: ast.AST) -> Iterator[tuple[int, str, ScriptMetric]]:
    """Yield figures, the words that say what each is, and how: logged 0, printed 1, returned 2."""
    split = _split_names(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            trainer = node.name == "compute_metrics"  # Hugging Face's, which logs eval_NAME
            for name in _returned(node):
                logged = f"eval_{name}" if trainer else name
                yield 0 if trainer else 2, logged, ScriptMetric(logged)
        elif isinstance(node, ast.Call):
            yield from ((0, name, ScriptMetric(name)) for name in _logged(node, split))
            line = printed(node)
            for words, metric in figures_of(line) if line is not None else ():
                yield int(bool(metric.pattern)), words, metric


def _logged(call: ast.Call, split: str) -> Iterator[str]:
    """Yield the names of figures that a call is given; `split` stands for a part known later."""
    if name_of(call) in NAMED and call.args:
        text, values = text_of(call.args[0])
        name = text.replace(HOLE, split, 1) if len(values) == 1 and split else text
        if HOLE not in name:
            yield name
    if name_of(call) in OF_ROWS:
        yield from _names_in(call)


def _returned(function: ast.FunctionDef) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Return) and isinstance(node.value, ast.Dict):
            yield from _keys(node.value)


def _split_names(tree: ast.AST) -> str:
    """Return how the script calls its validation data where it is a text of its own."""
    texts = {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)}
    return next((name for names in SPLITS for name in names if name in texts), "")


def _names_in(call: ast.Call) -> Iterator[str]:
    """Yield the names of the rows in a call: keys of dictionaries, and lists of names."""
    for node in (*call.args, *(each.value for each in call.keywords)):
        for inner in ast.walk(node):
            if isinstance(inner, ast.Dict):
                yield from _keys(inner)
            elif isinstance(inner, ast.Call) and name_of(inner) == "dict":
                yield from (each.arg for each in inner.keywords if each.arg)
            elif isinstance(inner, ast.List) and name_of(call) in ("writerow", "DictWriter"):
                yield from (text for each in inner.elts for text in _plain(each))


def _keys(node: ast.Dict) -> Iterator[str]:
    for key in node.keys:
        yield from _plain(key)


def _plain(node: ast.expr | None) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
