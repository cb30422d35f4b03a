"""Commands within the sentences of README and documentation are those of the real command line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from parsing import parse_command

from darkmagic.sweeps.compose.overrides import read_overrides
from darkmagic.sweeps.compose.request import split_request
from darkmagic.sweeps.compose.session import hydra_session

REPO = Path(__file__).parents[2]
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`((?:uv run |python -m )?darkmagic(?:[ \n][^`]+)?)`(?!`)")
INCOMPLETE = ("MissingParameter", "NoArgsIsHelpError", "Exit")
"""What click raises where a sentence names a command alone, or asks for help."""
PAGES = sorted(
    path
    for path in (
        *REPO.glob("*.md"),
        *(REPO / "docs").rglob("*.md"),
        *(REPO / "cli/package").glob("*.md"),
    )
    if "results" not in path.parts and path.name != "CHANGELOG.md"
)


def _commands() -> list[tuple[str, str]]:
    """Return each command with the first page that has it, in one line."""
    found: dict[str, str] = {}
    for page in PAGES:
        for text in INLINE.findall(FENCED.sub("", page.read_text())):
            line = re.sub(r"^(uv run|python -m) ", "", " ".join(text.split()))
            found.setdefault(line, page.relative_to(REPO).as_posix())
    return [(page, line) for line, page in found.items()]


def _finding(line: str) -> str:
    """Return what the command line has against a command; empty if nothing.

    What is left out of a sentence is `...` at its end, or is asked for by the command itself.
    """
    line = re.sub(r" (\.\.\.|…)", "", line)
    try:
        read = parse_command(line)
    except Exception as error:  # noqa: BLE001 (of click's, whichever click that is)
        kind = type(error).__name__
        return "" if kind in INCOMPLETE else f"{kind}: {error}"
    if read.params.get("config_dir"):  # whose options are the reader's own
        return ""
    overrides = [o for o in read.params.get("overrides") or () if not re.search(r"[A-Z]{2}", o)]
    plain, _ = split_request(overrides)
    try:
        with hydra_session() as hydra:
            read_overrides(hydra.config_loader, plain, sweep=True)
    except Exception as error:  # noqa: BLE001 (whatever it is, it is a finding)
        return str(error)
    return ""


def test_commands_within_sentences_are_accepted() -> None:
    """Commands, options and keys exist; words in capitals stand for the reader's own."""
    commands = _commands()
    assert len(commands) > 30
    findings = {f"{page}: {line}": said for page, line in commands if (said := _finding(line))}
    assert not findings


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("darkmagic checklist rnu", "No such command"),
        ("darkmagic report --formt md", "NoSuchOption"),
        ("darkmagic checklist run epohcs=5", "did you mean epochs"),
        ("darkmagic train trick/mixup=onn", "mixup"),
        ("darkmagic judge ...", ""),
        ("darkmagic report --name NAME", ""),
    ],
)
def test_mistake_within_a_sentence_is_found(line: str, said: str) -> None:
    """As the command line itself would say it."""
    finding = _finding(line)
    assert said in finding if said else not finding
