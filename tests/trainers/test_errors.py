"""What is said of an error, whoever raised it."""

from __future__ import annotations

import pytest

from darkmagic.trainers.errors import format_error, short_message


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
