"""What a queue's files hold: no password, as whoever may read the folder may read them."""

from __future__ import annotations

import contextlib
import pickle
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from commanding import TINY, run_command
from darkmagic.sweeps.packed import pack

SECRET = "s3cr3t"
ONLY = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"
SWEEP = [*TINY[::2], ONLY, "model.build.width=4", "max_steps=1", "hydra/launcher=worker"]


def _detach(folder: Path) -> None:
    """Leave a sweep to workers, whose tracking URI has a password."""
    uri = f"sqlite:///{folder}/mine.db?password={SECRET}"
    words = ["--skip-preflight", "--detach", "-n", "e", f"runtime.tracking_uri='{uri}'"]
    done = run_command("checklist", "run", *SWEEP, *words, folder=folder)
    assert done.returncode == 0, done.stderr
    assert (folder / "mine.db").exists()


def _contents(path: Path) -> Iterator[bytes]:
    """Yield what a file holds, and what in it is packed, as configurations are."""
    content = path.read_bytes()
    yield content
    for found in re.finditer(zlib.compress(b"", 1)[:2], content):
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj().decompress(content[found.start() :])


def _with_secret(folder: Path) -> Iterator[Path]:
    files = (path for path in folder.rglob("*") if path.is_file())
    yield from (path for path in files if any(SECRET.encode() in c for c in _contents(path)))


def test_secret_in_a_packed_configuration_would_be_found(tmp_path: Path) -> None:
    """As the others look for it."""
    config = OmegaConf.create({"runtime": {"tracking_uri": f"http://me:{SECRET}@host"}})
    (tmp_path / "job.pkl").write_bytes(pickle.dumps({"config": pack(config), "other": b"x\x01"}))
    assert list(_with_secret(tmp_path)) == [tmp_path / "job.pkl"]


def test_open_jobs_have_no_password_of_the_tracking_uri(tmp_path: Path) -> None:
    """Neither in their configurations nor in what they share."""
    _detach(tmp_path)
    assert len(list(tmp_path.glob("runs/e/.jobs/*/job.pkl"))) == 2
    assert list(tmp_path.glob("runs/e/.jobs/shared.*.pkl"))
    assert list(_with_secret(tmp_path)) == []


@pytest.mark.weekly
def test_jobs_of_a_worker_without_the_password_end_well(tmp_path: Path) -> None:
    """A trial asks no MLflow; the command that follows it does, and finds its results."""
    _detach(tmp_path)
    served = run_command(
        "worker", "--out", "runs", "--idle", "2", "--devices", "cpu", folder=tmp_path
    )
    assert served.returncode == 0, served.stderr
    assert len(list(tmp_path.glob("runs/e/.jobs/*/return.*.pkl"))) == 2
    assert list(_with_secret(tmp_path)) == []
    uri = f"sqlite:///{tmp_path}/mine.db?password={SECRET}"
    words = ["--skip-preflight", "-n", "e", f"runtime.tracking_uri='{uri}'"]
    done = run_command("checklist", "run", *SWEEP, *words, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "2 of 2" in done.stdout or "mixup=on" in done.stdout
    assert list(_with_secret(tmp_path)) == []
