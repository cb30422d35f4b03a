"""Functions and classes of a notebook, by their value: found again while they say the same."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from torch import nn

from darkmagic.checklist import UserError
from darkmagic.study.by_value import call, digest, importable, keep, load


def _cell(source: str, **names: Any) -> dict[str, Any]:
    """Return the names of a cell of a notebook after it has run."""
    cell = {"__name__": "__main__", "nn": nn, **names}
    exec(compile(source, f"/tmp/ipykernel_{id(cell)}/1.py", "exec"), cell)
    return cell


NET = """
import torch
width = {width}
def activation(): return nn.{activation}()
class Net(nn.Sequential):
    def __init__(self, num_classes, in_channels=1):
        super().__init__(nn.Conv2d(in_channels, width, 3), activation(), nn.LazyLinear(num_classes))
    @property
    def size(self): return {size}
"""
SAME = {"width": 4, "activation": "ReLU", "size": "width"}


def test_cell_that_is_run_again_has_the_same_digest() -> None:
    """File and line of the code do not matter, nor names of the notebook that it does not use."""
    first = _cell(NET.format(**SAME))["Net"]
    again = _cell("\n\nunused = 7\n" + NET.format(**SAME))["Net"]
    assert digest(first) == digest(again)


@pytest.mark.parametrize(
    "changed", [{"width": 5}, {"activation": "GELU"}, {"size": "width + 1"}], ids=str
)
def test_cell_that_is_changed_has_another_digest(changed: dict[str, Any]) -> None:
    """So is what the class uses of the notebook: a number, a function, a property's code."""
    before = _cell(NET.format(**SAME))["Net"]
    after = _cell(NET.format(**{**SAME, **changed}))["Net"]
    assert digest(before) != digest(after)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda: 1, lambda: 2),
        (lambda x=1: x, lambda x=2: x),
        (functools.partial(int, base=2), functools.partial(int, base=3)),
        ({"a": {1, 2}}, {"a": {1, 3}}),
        ([0.0], [-0.0]),
        (1, True),
        (1, "1"),
    ],
)
def test_things_that_differ_have_other_digests(one: Any, other: Any) -> None:
    """Code, defaults, bound arguments, types and values all count."""
    assert digest(one) != digest(other)


def test_function_that_calls_itself_has_a_digest() -> None:
    """What refers to itself, or to each other, ends."""
    cell = _cell("def even(n): return not n or odd(n - 1)\ndef odd(n): return n and even(n - 1)")
    assert digest(cell["even"]) != digest(cell["odd"])


def test_digest_is_that_of_another_process(tmp_path: Path) -> None:
    """A kernel that is started anew finds the trials of the one before."""
    code = (
        "from darkmagic.study.by_value import digest\nwidths = {'a': {3, 1, 'x'}}\n"
        "def make(classes=2, *, deep=(1, 2)):\n    return [widths for _ in range(classes)]\n"
        "print(digest(make))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PATH": "", "DARKMAGIC_CACHE": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1]


def test_class_of_a_notebook_comes_back_from_the_cache() -> None:
    """`load` returns it, `call` what it makes; the second `keep` writes nothing new."""
    kept = keep(_cell(NET.format(**SAME))["Net"])
    assert kept["name"] == "Net"
    assert load(**kept)(num_classes=3).size == 4
    assert call(**keep(lambda: "made")) == "made"
    assert keep(_cell(NET.format(**SAME))["Net"]) == kept


def test_function_that_is_gone_from_the_cache_says_so() -> None:
    """The message names the function, and what to do."""
    with pytest.raises(ValueError, match=r"make was defined in a notebook .* is gone: run that"):
        load("make", "0" * 16)


def test_function_that_holds_an_open_file_is_refused(tmp_path: Path) -> None:
    """What cannot be sent to another process is one line, before anything is trained."""
    with (tmp_path / "log").open("w") as file, pytest.raises(UserError, match="define it in a mod"):
        keep(lambda: file)


def test_only_what_another_process_can_import_is_importable() -> None:
    """Names of `__main__`, of functions inside functions and of modules without a file are not."""
    loose = ModuleType("loose")
    exec("def make(): ...", vars(loose))
    sys.modules["loose"] = loose
    try:
        assert importable(loose.make) is None
    finally:
        del sys.modules["loose"]
    assert importable(nn.Conv2d) == "torch.nn.modules.conv.Conv2d"
    assert importable(_cell("def make(): ...")["make"]) is None
    assert importable(lambda: None) is None
    assert importable(functools.partial(int)) is None
