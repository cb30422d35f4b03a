"""What the chosen launcher cannot do is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api


@pytest.mark.parametrize(
    ("launcher", "number"),
    [("slurm", "timeout_min=0"), ("slurm", "trials_at_once=2"), ("ray", "gpus_per_trial=1.5")],
)
def test_request_that_cannot_be_is_refused_with_nothing_made(
    tmp_path: Path, launcher: str, number: str
) -> None:
    """Of Slurm and of Ray, neither of which need be here."""
    words = ["dataset=tiny", f"runtime.out='{tmp_path}/runs'", f"hydra/launcher={launcher}"]
    with pytest.raises(UserError, match=rf"hydra\.launcher\.{number}: "):
        api.plan([*words, f"hydra.launcher.{number}"], (), will_train=True)
    assert not (tmp_path / "runs").exists()
