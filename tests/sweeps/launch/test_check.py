"""What the chosen launcher cannot do is refused before anything starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps import api


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["hydra.launcher.gpus_per_trial=2", "hydra.launcher.trials_per_device=2"],
            "gpus_per_trial=2 gives a trial several GPUs, .* leave one of them out",
        ),
        (["hydra.launcher.gpus_per_trial=0"], "gpus_per_trial=0: need a whole number, 1 or more"),
        (
            ["hydra.launcher.gpus_per_trial=1.5"],
            r"hydra\.launcher\.gpus_per_trial=1\.5: Value '1\.5' .* converted to Integer",
        ),
        (
            ["hydra.launcher.gpus_per_trial=8", "hydra.launcher.devices=cpu", "batch_size=7"],
            "batch_size=7 cannot be shared by the processes of hydra.launcher.gpus_per_trial=8",
        ),
    ],
)
def test_trials_of_several_gpus_are_refused_with_nothing_made(
    tmp_path: Path, words: list[str], line: str
) -> None:
    """Beside packing, as a part of one, and with less than an image for each process."""
    with pytest.raises(UserError, match=line):
        api.plan(["dataset=tiny", f"runtime.out='{tmp_path}/runs'", *words], (), will_train=True)
    assert not (tmp_path / "runs").exists()


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
