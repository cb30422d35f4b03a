"""What our launchers refuse, in any Hydra application: a line, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import CompactHydraException
from omegaconf import OmegaConf

from darkmagic.checklist.errors import UserError
from hydra_plugins.darkmagic._launching import LauncherError, OurLauncher
from hydra_plugins.darkmagic.local_launcher import LocalLauncher
from hydra_plugins.darkmagic.ray_launcher import RayLauncher
from hydra_plugins.darkmagic.slurm_launcher import SlurmLauncher
from hydra_plugins.darkmagic.worker_launcher import WorkerLauncher
from machines import APP


@pytest.mark.parametrize(
    ("launcher", "numbers", "line"),
    [
        (WorkerLauncher, {"lease_seconds": 0.0}, "lease_seconds=0.0: need 5 or more"),
        (WorkerLauncher, {"lease_seconds": -60.0}, "lease_seconds=-60.0: need 5 or more"),
        (WorkerLauncher, {"lease_seconds": float("nan")}, "lease_seconds=nan: need 5 or more"),
        (WorkerLauncher, {"lease_seconds": float("inf")}, "lease_seconds=inf: "),
        (LocalLauncher, {"trials_per_device": 0}, "trials_per_device=0: need 1 or more"),
        (LocalLauncher, {"stall_seconds": "soon"}, "stall_seconds=soon: "),
        (LocalLauncher, {"retries": -1}, "retries=-1: need 0 or more"),
        (LocalLauncher, {"threads": 0}, "threads=0: need 1 or more"),
    ],
)
def test_number_that_cannot_be_is_refused_before_a_job(
    launcher: type[OurLauncher], numbers: dict[str, Any], line: str
) -> None:
    """By the declared ranges, which a foreign application's overrides are not checked against."""
    config = OmegaConf.create({"hydra": {"launcher": numbers}})
    with pytest.raises(LauncherError) as error:
        launcher(**numbers).setup(hydra_context=None, task_function=print, config=config)  # type: ignore[arg-type]
    assert str(error.value).startswith(f"hydra.launcher.{line}")
    assert isinstance(error.value, UserError)
    assert isinstance(error.value, CompactHydraException)


@pytest.mark.parametrize(
    ("launcher", "request_", "line"),
    [
        (SlurmLauncher, {"timeout_min": 0}, "timeout_min=0: need a whole number from 1"),
        (SlurmLauncher, {"trials_at_once": 4}, "trials_at_once=4: a job has 1"),
        (SlurmLauncher, {"signal_delay_s": 600, "timeout_min": 10}, "signal_delay_s=600 leaves"),
        (RayLauncher, {"gpus_per_trial": 1.5}, "gpus_per_trial=1.5: need a part of a GPU"),
        (RayLauncher, {"cpus_per_trial": -1}, "cpus_per_trial=-1: need 0 or more"),
    ],
)
def test_request_that_cannot_be_is_refused(
    launcher: type[SlurmLauncher | RayLauncher], request_: dict[str, Any], line: str
) -> None:
    """Of Slurm and of Ray, neither of which is asked."""
    with pytest.raises(UserError, match=rf"^hydra\.launcher\.{line}"):
        launcher(**request_).workers()


def test_foreign_application_shows_the_line_alone(tmp_path: Path) -> None:
    """As Hydra shows errors of its own: no traceback of ours."""
    (tmp_path / "app.py").write_text(APP)
    words = ["-m", "hydra/launcher=local", "hydra.launcher.trials_per_device=0", "+x=1,2"]
    done = subprocess.run(
        [sys.executable, "app.py", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 1
    assert "hydra.launcher.trials_per_device=0: need 1 or more" in done.stderr
    assert "Traceback" not in done.stderr
