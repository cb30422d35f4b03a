"""Commands that are printed: a shell that they are pasted into reads the same words."""

from __future__ import annotations

import shlex
import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from darkmagic.text import shell_line

WORDS = st.lists(
    st.text(alphabet="ab1=[]{}():,'\"$`\\!*?~#&;|<> \n\té\u5b66", max_size=12), max_size=4
)


@given(WORDS)
def test_line_is_read_as_its_words(words: list[str]) -> None:
    """Whatever is in them."""
    assert shlex.split(shell_line(words)) == words


@given(WORDS)
@settings(max_examples=40, deadline=None)
def test_shell_reads_the_line_as_its_words(words: list[str]) -> None:
    """A real one, which reads more between double quotes than `shlex` knows of."""
    script = f'show() {{ printf "%s\\0" "$@"; }}; show {shell_line(words)}'
    done = subprocess.run(["bash", "-c", script], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == (words or [""])


def test_quotes_of_hydra_stay_readable() -> None:
    """As the user typed them."""
    words = ["dataset.source.root='my photos'", "tricks=[{options: ['off', 'on']}]", "epochs=5"]
    assert shell_line(words) == (
        "\"dataset.source.root='my photos'\" \"tricks=[{options: ['off', 'on']}]\" epochs=5"
    )
