"""What one trial runs: a command with placeholders, its environment, and where its metric is."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["PLACEHOLDERS", "Command", "fill"]

PLACEHOLDERS = ("args", "changes", "device", "directory", "seed", "threads")
PYTHONS = re.compile(r"python(3(\.\d+)?)?")


@dataclass(frozen=True)
class Command:
    """A training command as one trial runs it.

    `arguments` are the program and its words, in which `{seed}`, `{directory}`, `{device}` and
    `{threads}` stand for the trial's own. `environment` is added to the process's. `python` is the
    interpreter in whose place `python` stands, and whose folder comes first on PATH. `metric` is
    the name of the figure that decides, of which `take` says which value counts, `last` or `best`
    (the highest, if `maximize`). `pattern` is a regular expression of it in the output, `files`
    are where else it may be, and `resume` the arguments with which a trial goes on.

    >>> Command(("python", "train.py", "--seed", "{seed}"), metric="val_acc").arguments[1]
    'train.py'
    """

    arguments: tuple[str, ...]
    metric: str
    environment: Mapping[str, str] = field(default_factory=dict)
    python: str | None = None
    pattern: str | None = None
    files: tuple[str, ...] = ()
    mlflow: str | None = None  # the URI of the script's own store
    resume: tuple[str, ...] = ()
    take: str = "last"
    maximize: bool = True
    timeout: float | None = None  # seconds

    @classmethod
    def from_node(cls, node: Mapping[str, Any]) -> Command:
        """Return the command of a resolved `trainer` node."""
        return cls(
            arguments=tuple(node["command"]),
            metric=str(node["metric"]),
            environment=dict(node.get("env") or {}),
            python=node.get("python"),
            pattern=node.get("pattern"),
            files=tuple(node.get("files") or ()),
            mlflow=node.get("mlflow"),
            resume=tuple(node.get("resume") or ()),
            take=node.get("take", "last"),
            maximize=node.get("direction", "max") == "max",
            timeout=node.get("timeout"),
        )

    def filled(self, values: Mapping[str, str], more: Sequence[str] = ()) -> list[str]:
        """Return the words to run, `more` behind them, with `values` in the placeholders' places.

        >>> command = Command(("python", "train.py", "--seed={seed}"), metric="loss")
        >>> command.filled({"seed": "3"})[1:]
        ['train.py', '--seed=3']
        """
        first, *rest = (fill(word, values) for word in (*self.arguments, *more))
        if self.python is not None and PYTHONS.fullmatch(first):
            first = self.python
        return [first, *rest]

    def environ(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of the process: this one's, the trial's values and its own."""
        found = dict(os.environ)
        threads = values.get("threads")
        if threads:  # of a share of the cores; libraries read it when they are imported
            for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
                found.setdefault(name, threads)
        found.setdefault("PYTHONUNBUFFERED", "1")  # its lines are shown as they come
        found.setdefault("PYTHONFAULTHANDLER", "1")  # one that crashes or hangs says where
        if self.python is not None:
            found["PATH"] = f"{Path(self.python).parent}{os.pathsep}{found.get('PATH', '')}"
        found |= {f"DARKMAGIC_{name.upper()}": value for name, value in values.items()}
        return found | {name: fill(value, values) for name, value in self.environment.items()}

    def program(self, environment: Mapping[str, str] | None = None) -> str | None:
        """Return the path of the program that is run; None where there is none.

        >>> Command(("no-such-program",), metric="loss").program() is None
        True
        """
        environment = self.environ({}) if environment is None else environment
        return shutil.which(self.filled({})[0], path=environment.get("PATH"))


def fill(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with the placeholders that `values` has; other braces stay as they are.

    >>> fill('{seed} of {"a": 1}', {"seed": "0"})
    '0 of {"a": 1}'
    """
    known = "|".join(values)
    if not known:
        return text
    return re.sub(rf"\{{({known})\}}", lambda found: values[found[1]], text)
