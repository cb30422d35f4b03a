"""The process that proposes by a Gaussian process, when it is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import create_trial

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.tune.suggest import gp
from spaces import space_of


@pytest.mark.parametrize("kills", [1, 2])
def test_killed_sampler_is_asked_again_and_then_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    """The kernel ends the largest process where memory is short; a study was an internal error."""

    def dies(*_: Any) -> Mapping[str, Any]:
        for number in range(kills):
            if not (tmp_path / str(number)).exists():
                (tmp_path / str(number)).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return {"lr": 0.5}

    monkeypatch.setattr(gp, "_propose", dies)
    ended = [create_trial(value=0.5)]
    if kills == 1:
        assert gp.propose_by_gp(space_of(), ended, [], ["maximize"], 0) == {"lr": 0.5}
        return
    with pytest.raises(UserError, match=r"twice \(exit code -9\): the same command goes on"):
        gp.propose_by_gp(space_of(), ended, [], ["maximize"], 0)
