"""Our own MPS daemon: private folders, stopped at the end, others left alone.

The machine may have no GPU: a shell script stands for NVIDIA's program and writes down how it
was called. What the program itself then does is for a GPU's test.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path

import pytest
import torch

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.launch.devices import Lease, make_leases
from darkmagic.sweeps.launch.local.sharing import mps
from darkmagic.sweeps.launch.local.sharing.calibrate import measure_together
from darkmagic.sweeps.launch.local.sharing.mps import MpsUnavailable, mps_server
from darkmagic.sweeps.trial.identity import resolve

SCRIPT = """#!/bin/sh
echo "$* pipe=$CUDA_MPS_PIPE_DIRECTORY visible=$CUDA_VISIBLE_DEVICES said=$(cat)" >> {calls}
test -d "$CUDA_MPS_PIPE_DIRECTORY" || exit 7
{ending}
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a program in the path that notes its calls; return the notes."""
    monkeypatch.setattr(mps, "DEFAULT_CONTROL", tmp_path / "nvidia-mps" / "control")
    monkeypatch.delenv("CUDA_MPS_PIPE_DIRECTORY", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    _install(tmp_path, "exit 0")
    return tmp_path / "calls"


def _install(folder: Path, ending: str) -> None:
    program = folder / "bin" / "nvidia-cuda-mps-control"
    program.parent.mkdir(exist_ok=True)
    program.write_text(SCRIPT.format(calls=folder / "calls", ending=ending))
    program.chmod(0o755)


@pytest.mark.parametrize("error", [None, KeyboardInterrupt])
def test_a_daemon_of_our_own_is_stopped_at_the_end(
    calls: Path, error: type[BaseException] | None
) -> None:
    """However that comes; it has private folders, which go away, and sees every GPU."""
    caught = pytest.raises(error) if error else contextlib.nullcontext()
    with caught, mps_server() as env:
        assert set(env) == {"CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"}
        assert all(Path(folder).is_dir() for folder in env.values())
        assert len(calls.read_text().splitlines()) == 1
        if error is not None:
            raise error
    pipe = env["CUDA_MPS_PIPE_DIRECTORY"]
    assert calls.read_text().splitlines() == [
        f"-d pipe={pipe} visible= said=",
        f" pipe={pipe} visible= said=quit",
    ]
    assert not Path(pipe).exists()


def test_a_refusal_is_passed_on(calls: Path, tmp_path: Path) -> None:
    """In the program's own words."""
    _install(tmp_path, "echo 'An instance of this daemon is already running'; exit 1")
    with pytest.raises(MpsUnavailable, match="already running"), mps_server():
        pass
    assert len(calls.read_text().splitlines()) == 1


def test_a_daemon_of_others_is_left_alone(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it is where NVIDIA puts it or where the user's environment says."""
    (tmp_path / "nvidia-mps").mkdir()
    (tmp_path / "nvidia-mps" / "control").touch()
    with pytest.raises(MpsUnavailable, match="left alone"), mps_server():
        pass
    (tmp_path / "nvidia-mps" / "control").unlink()
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", "/somewhere")
    with pytest.raises(MpsUnavailable, match="left alone"), mps_server():
        pass
    assert not calls.exists()


def test_where_there_is_no_mps_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine without a GPU."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(mps, "FOLDERS", ())
    with pytest.raises(MpsUnavailable, match="is not installed"), mps_server():
        pass


def test_the_program_is_found_off_the_path(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Containers have NVIDIA's programs in folders of their own."""
    shell = str(Path(shutil.which("sh") or "").parent)
    monkeypatch.setenv("PATH", shell)
    monkeypatch.setattr(mps, "FOLDERS", ("/nowhere", str(tmp_path / "bin")))
    with mps_server():
        assert calls.read_text().startswith("-d pipe=")


@pytest.mark.skipif(
    not torch.cuda.is_available() or mps.find_control() is None,
    reason="no GPU here, or no MPS",
)
def test_trials_train_under_mps() -> None:
    """Where the box allows it."""
    with hydra_session() as hydra:
        resolved = resolve(compose(hydra.config_loader, ["dataset=tiny"]))
    (lease,) = make_leases([0], 1)
    try:
        with mps_server() as env:
            place = Lease(lease.device, lease.threads, env)
            rates, _ = measure_together(resolved, place, 2, 1.0)
    except MpsUnavailable as finding:
        pytest.skip(str(finding))
    assert all(rate.steps_per_second > 0 for rate in rates)
