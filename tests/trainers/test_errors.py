"""What is said of an error, whoever raised it."""

from __future__ import annotations

import pytest

from darkmagic.trainers.errors import first_line


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
    assert first_line(error) == said
