"""What is said of an error, whoever raised it."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import Any

import pytest

from darkmagic.trainers.errors import format_error, own_error, short_message


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("one line"), "one line"),
        (ValueError("\n  the first\nthe second"), "the first"),
        (ValueError(), "ValueError"),
        (KeyError("key"), "'key'"),
    ],
)
def test_an_error_says_its_first_line(error: Exception, said: str) -> None:
    """Or its type, where it has no words: some of torch's and of libraries below it have none."""
    assert short_message(error) == said


def test_its_type_is_named_once() -> None:
    """Before what it says, and alone where it says nothing."""
    assert format_error(ValueError("the first\nthe second")) == "ValueError: the first"
    assert format_error(ValueError()) == "ValueError"


def test_line_of_generated_code_is_not_named() -> None:
    """A dataclass's `__init__` is in no file, and what its check says is all there is to say."""

    @dataclass
    class Batch:
        images: int

        def __post_init__(self) -> None:
            if self.images < 1:
                raise ValueError("too few")

    with pytest.raises(ValueError, match="too few") as raised:
        Batch(0)
    generated = traceback.extract_tb(raised.value.__traceback__)
    assert any(frame.filename == "<string>" for frame in generated)
    code = "def check():\n    raise ValueError('too few')\n"
    scope: dict[str, Any] = {}
    exec(compile(code, "<string>", "exec"), scope)
    with pytest.raises(ValueError, match="too few") as alone:
        scope["check"]()
    assert "<string>" not in own_error(alone.value)
    assert "<string>" not in own_error(raised.value)
