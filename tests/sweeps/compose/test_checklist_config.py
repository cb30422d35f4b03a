"""Reading a checklist's node: a row that cannot be read is named, with how to write one."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.commands.plan import plan


@pytest.mark.parametrize(
    "rows",
    [
        "[1]",
        "[null]",
        "[mixup]",
        "[{name: mixup}]",
        "[{name: mixup, section: s}]",
        "[{section: s, options: ['off', 'on']}]",
        "[{name: mixup, section: s, options: on}]",
        "[{name: mixup, section: s, options: ['off', 'on']}, {name: mixup}]",
    ],
)
def test_row_that_cannot_be_read_is_named(rows: str) -> None:
    """A row without its keys, or no row at all, is refused with a row as it should be."""
    with pytest.raises(UserError, match=r"cannot read the row .*; write \{name: mixup, section"):
        plan([f"checklist.tricks={rows}"])


@pytest.mark.parametrize(
    "rows", ["mixup", "{}", "{name: mixup, section: s, options: ['off', 'on']}"]
)
def test_rows_that_are_no_list_are_refused(rows: str) -> None:
    """The rows of a checklist are a list."""
    with pytest.raises(UserError, match=r"checklist.tricks takes a list"):
        plan([f"checklist.tricks={rows}"])


@pytest.mark.parametrize("content", ["name: mine\ntricks:\n", "tricks: []\n", "name: mine\n"])
def test_file_without_name_or_rows_is_refused(tmp_path: Path, content: str) -> None:
    """A checklist's own file says how it is called and which rows it has."""
    (tmp_path / "checklist").mkdir()
    (tmp_path / "checklist" / "mine.yaml").write_text(content)
    with pytest.raises(UserError, match="checklist"):
        plan(["checklist=mine"], [tmp_path])
