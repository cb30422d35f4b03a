"""Keys that are a trick's now: one line that says what to write, which then works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import resolve

MOVED = {
    "clip_grad_norm=1.0": ("gradient_clipping", {"max_norm": 1.0}),
    "+clip_grad_norm=0.5": ("gradient_clipping", {"max_norm": 0.5}),
    "ema_decay=0.99": ("ema", {"decay": 0.99, "warmup": False}),
}


@pytest.mark.parametrize("word", MOVED)
def test_moved_key_names_overrides_that_do_the_same(word: str) -> None:
    """The words of the message, pasted, configure every trial of the checklist as the key did."""
    trick, fields = MOVED[word]
    with pytest.raises(UserError) as refused:
        api.plan([word])
    message = str(refused.value)
    assert "\n" not in message
    assert word in message
    instead = message.partition("write ")[2].split()
    planned = api.plan(instead).plan
    with hydra_session() as hydra:
        for overrides in (planned.overrides[0], planned.overrides[-1]):
            node = resolve(compose(hydra.config_loader, overrides))["tricks"][trick]
            assert fields.items() <= node.items()


@pytest.mark.parametrize("word", ["ema_decay=null", "~clip_grad_norm"])
def test_moved_key_that_is_off_is_left_out(word: str) -> None:
    """There is nothing to write in its place."""
    with pytest.raises(UserError, match=re.escape(repr(word)) + r".* leave it out"):
        api.plan([word])


def test_moved_key_in_a_users_file_is_refused(tmp_path: Path) -> None:
    """It would do nothing there, unseen."""
    (tmp_path / "dataset").mkdir()
    lines = ["# @package _global_", "defaults:", "  - /dataset@dataset: tiny", "ema_decay: 0.9"]
    (tmp_path / "dataset" / "mine.yaml").write_text("\n".join(lines) + "\n")
    with pytest.raises(UserError, match=r"write trick/ema=on tricks\.ema\.decay=0\.9"):
        api.plan(["dataset=mine"], [tmp_path])
