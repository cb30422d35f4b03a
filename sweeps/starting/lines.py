"""The figures in a line that a script prints, each with the regular expression that reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from darkmagic.sweeps.starting.printed import HOLE, Printed
from darkmagic.sweeps.starting.words import WORD, is_figure, says_which

__all__ = ["ScriptMetric", "figures_of"]

COUNTS = ("epoch", "step", "iter", "iteration", "fold", "run", "seed")
"""Behind a figure's name: a value in that place is a number of these."""
NUMBER, PLAIN_NUMBER = r"([-+.\w]+)", r"[-+.\d]\S*"
LABEL = re.compile(r"[^\s,;|(){}\[\]\0][^,;|(){}\[\]\t\n\0]*$")
MAX_LABEL = 40  # characters


@dataclass(frozen=True)
class ScriptMetric:
    """A figure by its `name`; `pattern` reads it from a printed line, and is empty where darkmagic
    finds it by its name. `percent` says that the line has a percent sign behind it, `guessed` that
    it is a word in the script and no more.
    """

    name: str
    pattern: str = ""
    percent: bool = False
    guessed: bool = False


def figures_of(line: Printed) -> Iterator[tuple[str, ScriptMetric]]:
    r"""Yield the figures of a printed text: those of METRIC, or each value with words before it.

    The words that say which data reach over the text: `Test set: loss 0.1, accuracy 0.9`.
    """
    text = line.text.split("\n")
    start = 0
    for part in text:
        count = part.count(HOLE)
        own = Printed(part, line.values[start : start + count], line.first or start > 0)
        start += count
        if "METRIC " in part:
            pairs = re.findall(rf"([^\s=,;:]+)\s*=\s*{HOLE}", part)
            yield from ((name, ScriptMetric(name)) for name in pairs)
        else:
            yield from _of_values(own)


def _of_values(line: Printed) -> Iterator[tuple[str, ScriptMetric]]:
    text = line.text
    for number, found in enumerate(re.finditer(HOLE, text)):
        before, after = text[: found.start()], text[found.end() :]
        if before.rstrip().endswith(("/", "(")):
            continue
        share = re.match(rf"\s*/\s*(?:{HOLE}|\d+)\s*\(\s*{HOLE}\s*%", after)  # 95/100 (95%)
        percent = bool(share) or bool(re.match(r"\s*%", after))
        read = before + HOLE + (after[: share.end()].rstrip("% ") if share else "")
        label = _label(before)
        if label is None:
            words = _named_value(line.values[number])
            if line.first and words:  # by its place among the others in the line
                metric = ScriptMetric(words, "^" + _pattern(read, PLAIN_NUMBER), percent)
                yield words, metric
            continue
        words, at = label, before.rfind(label)
        if not says_which(words):
            earlier = [each for each in WORD.finditer(before[:at]) if says_which(each[0])]
            if earlier:
                at, words = earlier[-1].start(), f"{earlier[-1][0]} {words}"
        alone = line.first and not before[:at].strip() and not says_which(words)
        pattern = "^" * alone + _pattern(read[at:], r"\S+")  # "accuracy" is no "train accuracy"
        yield words, ScriptMetric(_as_name(words), pattern, percent)


def _label(before: str) -> str | None:
    """Return the words right before a value; None where there are none that say what it is."""
    bare = re.sub(r"(?:\s+(?:is|was|of|at)|[\s:=>~-])+$", "", before)
    found = LABEL.search(bare)
    if found is None or len(found[0]) > MAX_LABEL or not is_figure(found[0]):
        return None
    last = WORD.findall(found[0])[-1].lower()
    return None if last in COUNTS else found[0].strip(" :=#*-")


def _named_value(expression: str) -> str:
    """Return the name in an expression that says what its value is; empty where none does."""
    names = re.findall(r"[A-Za-z_]\w*", expression)
    return next((name for name in reversed(names) if is_figure(name)), "")


def _as_name(words: str) -> str:
    return re.sub(r"\W+", "_", words).strip("_").lower()


def _pattern(text: str, others: str) -> str:
    """Return the regular expression of a text whose last hole is the value."""
    parts = [re.sub(r"\s+", r"\\s+", _escape(part)) for part in text.split(HOLE)[:-1]]
    loose = "" if parts[-1].endswith(r"\s+") or not parts[-1] else r"\s*"
    return others.join(parts) + loose + NUMBER


def _escape(text: str) -> str:
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)
