"""Images that this user may not read: each is a stop that names the file or the folder.

Root reads everything, so that these tests take another user's rights where root runs them.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkmagic.trainers.data.folder import Folder
from image_sets import make_set

NOBODY = 65534


@contextlib.contextmanager
def _as_a_user() -> Iterator[None]:
    """Have the rights of a user who is not root within the block."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(NOBODY)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


@pytest.fixture
def photos() -> Iterator[Path]:
    """Return a set of two classes in a folder that every user may reach."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        root = make_set(Path(folder) / "photos", {"train/cat": 20, "train/dog": 20, "val/cat": 4})
        make_set(root, {"val/dog": 4})
        yield root
        for path in (root, *root.rglob("*")):
            path.chmod(0o755)


@pytest.mark.parametrize("memory_budget", [2**31, 0])
@pytest.mark.parametrize(
    ("place", "mode"),
    [
        (".", 0o000),
        (".", 0o444),  # its names can be listed, and nothing in it opened
        (".", 0o111),  # what is in it could be opened, if its name were known
        ("train", 0o000),
        ("val", 0o000),
        ("val", 0o444),
        ("train/cat", 0o000),
        ("train/cat", 0o444),
        ("train/dog/3.png", 0o000),
        ("val/dog/3.png", 0o000),
    ],
)
def test_what_may_not_be_read_is_named(
    photos: Path, place: str, mode: int, memory_budget: int
) -> None:
    """In one line, and nothing is left out in silence."""
    (photos / place).chmod(mode)
    with _as_a_user(), pytest.raises((OSError, ValueError)) as raised:
        Folder(str(photos), memory_budget=memory_budget).load(split_seed=0)
    said = str(raised.value)
    assert str(photos / place) in said
    assert "\n" not in said
    assert "ermission denied" in said or "may not" in said
