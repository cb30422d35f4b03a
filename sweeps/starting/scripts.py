"""Training scripts in a repository: how they take options, by their source alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from darkmagic.sweeps.starting.lines import ScriptMetric
from darkmagic.sweeps.starting.metrics import find_metric
from darkmagic.text import shell_line

__all__ = ["Script", "compare_command", "find_scripts"]

NAMES = ("train.py", "main.py", "run.py", "finetune.py", "trainer.py", "train_net.py", "fit.py")
FOLDERS = (".", "src", "scripts", "tools")
MAX_OTHERS = 5
"""Scripts of other names with `train` in them that are shown."""
METRICS = (
    *("val_acc", "val_accuracy", "valid_acc", "val_f1", "val/acc", "val_loss", "val/loss"),
    *("test_acc", "accuracy", "acc", "loss"),
)
MAX_BYTES = 2**20


@dataclass(frozen=True)
class Script:
    """A script: `kind` is argparse, hydra, lightning or plain. `options` are its flags, with their
    defaults as they are written; `metric` is the figure in it that is likeliest to decide.
    """

    path: Path
    kind: str
    options: dict[str, str]
    metric: ScriptMetric | None

    @property
    def seed_option(self) -> str:
        """What gives it its seed, empty where nothing is known to."""
        if self.kind == "lightning":
            return "--seed_everything {seed}"
        if self.kind == "hydra":
            return "seed={seed}"
        found = next(
            (o for o in ("--seed", "--random-seed", "--random_seed") if o in self.options), ""
        )
        return f"{found} {{seed}}" if found else ""


def find_scripts(root: Path) -> list[Script]:
    """Return the training scripts of the repository at `root`, the likeliest first."""
    usual = [root / folder / name for folder in FOLDERS for name in NAMES]
    others = [
        path
        for folder in FOLDERS
        for path in sorted((root / folder).glob("*train*.py"))
        if path not in usual and not path.name.startswith("test_")
    ]
    found = [script for path in usual if (script := _read(path))]
    found += [script for path in others if (script := _read(path, needs_main=True))][:MAX_OTHERS]
    return found


def _read(path: Path, *, needs_main: bool = False) -> Script | None:
    """Return the script at `path`; None for no script.

    With `needs_main` a file without options or a `__main__` is a module of others.
    """
    if not path.is_file() or path.stat().st_size > MAX_BYTES:
        return None
    try:
        text = path.read_text(errors="replace")
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, OSError):
        return None
    modules = set(_imported(tree))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    options = dict(_options(tree))
    if needs_main and not options and "__main__" not in text:
        return None
    if any(name.endswith("LightningCLI") for name in called):
        kind = "lightning"
    elif "hydra" in modules:
        kind = "hydra"
    elif options:
        kind = "argparse"
    elif modules & {"torch", "tensorflow", "keras", "jax", "sklearn", "lightning", "transformers"}:
        kind = "plain"
    else:
        return None
    return Script(path, kind, options, find_metric(text, tree))


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def _options(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Yield the flags of `add_argument`, and of Click and Typer options, with their defaults."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute | ast.Name):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        if name not in ("add_argument", "option", "Option"):
            continue
        words = [a.value for a in node.args if isinstance(a, ast.Constant)]
        flags = [word for word in words if isinstance(word, str) and word.startswith("--")]
        keywords = {k.arg: k.value for k in node.keywords if k.arg}
        default = keywords.get("default")
        if flags:
            shown = str(default.value) if isinstance(default, ast.Constant) else ""
            yield flags[0], shown


OUTPUTS = {
    "lightning": "--trainer.default_root_dir {directory}",
    "hydra": "hydra.run.dir={directory}",
}
"""What has a kind of script write its logs, and so its metrics, where they are looked for."""


def compare_command(script: Script, root: Path) -> tuple[str, list[str]]:
    """Return the command that compares changes of `script`, run from `root`, and what to look at.

    >>> script = Script(Path("train.py"), "argparse", {"--seed": "0", "--lr": "0.1"}, None)
    >>> compare_command(script, Path())[0].partition(" --change ")[2]
    "'lr=--lr 0.05' -- python train.py --seed {seed}"
    """
    changes = list(_changes(script))
    todo = []
    if not changes:
        changes = ["NAME=WORDS"]
        todo.append(
            "put a change's name and its words in place of NAME=WORDS, such as lr=--lr 0.05"
        )
    metric = script.metric
    if metric is None:
        todo.append("name the figure that decides in place of METRIC")
    elif metric.guessed:
        todo.append(
            f"{metric.name} is a word in it, and nothing was seen that prints or logs it: a line "
            f"METRIC {metric.name}=0.5 does"
        )
    if not script.seed_option:
        todo.append("it takes no seed that was seen: if it does, add it behind, with {seed}")
    path = script.path.relative_to(root) if script.path.is_relative_to(root) else script.path
    fit = ["fit"] if script.kind == "lightning" else []
    words = ["darkmagic", "compare", "--metric", "METRIC" if metric is None else metric.name]
    if metric is not None and metric.pattern:
        words += ["--pattern", metric.pattern, *(["--unit", "%"] if metric.percent else [])]
    words += ["--seeds", "3"]
    words += [word for change in changes for word in ("--change", change)]
    check = ["--check", "--print_config"] if script.kind == "lightning" else []
    command = shell_line([*words, *check, "--", "python", str(path), *fit])
    behind = [script.seed_option, OUTPUTS.get(script.kind, "")]
    if metric is not None and not metric.pattern and script.kind not in OUTPUTS:
        todo.append(
            f"{metric.name} is looked for in its output and in files below {{directory}}: have it "
            "write there, or name the file by --file"
        )
    return " ".join([command, *filter(None, behind)]), todo


def _changes(script: Script) -> Iterator[str]:
    """Yield changes of options that many recipes have, at values that many use."""
    for flag, value in _usual(script.options):
        yield f"{flag.lstrip('-').replace('-', '_')}={flag} {value}"


def _usual(options: dict[str, str]) -> Iterator[tuple[str, str]]:
    names: Sequence[tuple[tuple[str, ...], str]] = (
        (("--mixup", "--mixup-alpha", "--mixup_alpha"), "0.2"),
        (("--label-smoothing", "--label_smoothing", "--smoothing"), "0.1"),
    )
    for flags, value in names:
        for flag in flags:
            if flag in options and options[flag] in ("", "0", "0.0", "None"):
                yield flag, value
    for flag in ("--lr", "--learning-rate", "--learning_rate", "--weight-decay", "--weight_decay"):
        try:
            default = float(options.get(flag, ""))
        except ValueError:
            continue
        if default:
            yield flag, f"{default / 2:g}"
