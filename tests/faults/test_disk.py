"""A disk that is full or can only be read: one line, and trials go on when there is room.

Each test mounts a small file system. Root may; another user may in a user namespace of Linux's, in
which the last test runs all the others.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from commanding import FIVE, TINY, command, run_command
from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.composed import ComposedJobs
from darkmagic.sweeps.launch.jobs.claims import last_claim
from darkmagic.sweeps.launch.jobs.holder import Holder
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.sweeps.launch.jobs.serve import IgnoreWork, Work
from darkmagic.sweeps.launch.local.stall import StallWatch
from darkmagic.sweeps.orchestrate.hold import hold_experiment
from darkmagic.sweeps.orchestrate.watch.room import CHECK_SECONDS, RoomWatch
from darkmagic.trainers.outputs.checkpoint import load_checkpoint, save_checkpoint
from darkmagic.trainers.outputs.event_log import EventLog, parse_event
from darkmagic.trainers.outputs.result_file import read_result, write_result
from spaces import open_study, space_of

SIZE = 2**20


@pytest.fixture
def disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Return a folder that is a file system of a megabyte, or of as many as are asked for."""
    folder = tmp_path / "disk"
    folder.mkdir()
    size = getattr(request, "param", 1) * SIZE
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.getuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip(
            "only root may mount a small file system; the last test runs it as another user"
        )
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _fill(disk: Path, *, but: int = 0) -> Path:
    """Fill the disk but for `but` bytes."""
    path = disk / "fill"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            os.truncate(path, path.stat().st_size - but)
    return path


def test_worker_waits_for_room_to_take_a_trial(disk: Path) -> None:
    """It says so once and no death is counted; it ended there, with all that it ran."""
    queue = Queue(disk / "e")
    node = {"sweep": {"dir": str(disk / "e"), "subdir": "a"}}
    configs = ComposedJobs.of([OmegaConf.create({"hydra": node})])
    (job,) = queue.publish(b"shared", configs, lease_seconds=60)
    said: list[str] = []
    log = IgnoreWork()
    log.note = said.append  # type: ignore[method-assign]
    work = Work(Holder.this_process(), log, StallWatch([], None))
    full = _fill(disk)
    assert [work.claim(job, 60) for _ in range(3)] == [None] * 3
    assert last_claim(job, 60) is None
    full.unlink()
    claim = work.claim(job, 60)
    assert claim is not None
    assert (claim.number, claim.deaths) == (1, 0)
    assert [line.partition(" of ")[0] for line in said] == ["no room on the disk"]


def test_study_without_room_is_one_line_and_goes_on_when_there_is(disk: Path) -> None:
    """What was asked and could not be told is asked again, under its number."""
    study = open_study(disk, space_of())
    asked = study.ask()
    fill = _fill(disk)
    result = {"status": "finished", "reason": "", "val_accuracy": 0.5, "wall_seconds": 2.0}

    def go_on() -> None:
        number = asked.number
        while True:
            study.tell(number, result)
            number = study.ask().number

    with pytest.raises(UserError, match=r"cannot read or write the study .*full") as found:
        go_on()
    assert "\n" not in str(found.value)
    fill.unlink()
    again = open_study(disk, space_of())
    for left in again.mend():
        again.tell(left.number, result)
    assert {trial.state.name for trial in again.trials} <= {"COMPLETE", "FAIL"}


def test_files_wait_for_room_and_are_whole(disk: Path) -> None:
    """Checkpoint, events and result that found no room are written when there is, complete."""
    write_result(disk, {"status": "failed", "reason": "before"})
    fill = _fill(disk, but=8192)
    log = EventLog(disk)
    began = time.monotonic()
    threading.Timer(1.5, fill.unlink).start()
    for index in range(30):
        log.append({"type": "note", "message": f"{index} " + "x" * 1000})
    save_checkpoint(disk, {"a": torch.ones(50_000)})
    write_result(disk, {"status": "skipped", "reason": "after"})
    assert time.monotonic() - began > 1.4
    lines = (disk / "events.jsonl").read_bytes().splitlines()
    events = [parse_event(line) for line in lines]
    assert [event["message"].split()[0] for event in events if event] == [*map(str, range(30))]
    checkpoint = load_checkpoint(disk)
    assert checkpoint is not None
    assert checkpoint["a"].sum() == 50_000
    result = read_result(disk)
    assert result is not None
    assert result["reason"] == "after"


def test_what_is_there_stays_while_there_is_no_room(disk: Path) -> None:
    """A file that finds no room for its next content keeps the one before."""
    save_checkpoint(disk, {"a": torch.ones(50_000)})
    fill = _fill(disk)
    thread = threading.Thread(target=lambda: save_checkpoint(disk, {"a": torch.zeros(50_000)}))
    thread.start()
    time.sleep(0.3)
    before = load_checkpoint(disk)
    fill.unlink()
    thread.join()
    after = load_checkpoint(disk)
    assert before is not None
    assert after is not None
    assert (before["a"].sum(), after["a"].sum()) == (50_000, 0)


def test_watch_says_when_the_disk_is_full_and_when_it_is_not(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The user hears once that there is no room, and once that there is again."""
    assert CHECK_SECONDS > 1
    monkeypatch.setattr("darkmagic.sweeps.orchestrate.watch.room.CHECK_SECONDS", 0.0)
    watch = RoomWatch([disk])
    assert watch.check() == []
    fill = _fill(disk)
    (message,) = watch.check()
    assert "no room" in message
    assert watch.check() == []
    fill.unlink()
    (message,) = watch.check()
    assert "go on" in message


def test_full_or_read_only_folder_is_one_line_before_anything_starts(disk: Path) -> None:
    """A sweep into a folder that takes no files is the user's error, with the folder's name."""
    arguments = ("checklist", "run", *TINY, "--skip-preflight", "-n", "mine", "-o", str(disk))
    _fill(disk)
    with pytest.raises(UserError, match="No space left"), hold_experiment(disk / "mine"):
        pass
    full = run_command(*arguments, folder=disk.parent)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(disk)], check=True)
    read_only = run_command(*arguments, folder=disk.parent)
    for done, reason in ((full, "No space left on device"), (read_only, "Read-only file system")):
        assert done.returncode == 2
        assert done.stderr.splitlines() == [f"error: cannot write to {disk}/mine: {reason}"]


@pytest.mark.weekly
@pytest.mark.timeout(600)
@pytest.mark.parametrize("disk", [8], indirect=True)
def test_sweep_goes_on_when_its_disk_has_room_again(disk: Path) -> None:
    """It says both once, every trial finishes, and MLflow has all of it."""
    words = ["checklist", "run", *TINY, FIVE, "epochs=20", "--skip-preflight", "-n", "mine"]
    with (disk.parent / "printed").open("w") as file:
        run = subprocess.Popen(command(*words, "-o", str(disk)), stdout=file, stderr=file)
        _wait(lambda: any(disk.glob("mine/*/events.jsonl")), run)
        fill = _fill(disk)
        _wait(lambda: "no room" in (disk.parent / "printed").read_text(), run)
        time.sleep(5.0)
        assert run.poll() is None
        fill.unlink()
        assert run.wait(400) == 0
    printed = (disk.parent / "printed").read_text()
    assert printed.count("no room") == 1
    assert printed.count("go on") >= 1
    results = [read_result(path.parent) for path in disk.glob("mine/*/result.json")]
    assert [result and result["status"] for result in results] == ["finished"] * 5
    with contextlib.closing(sqlite3.connect(disk / "mlflow.db")) as store:
        runs = store.execute("SELECT status, COUNT(*) FROM runs GROUP BY status").fetchall()
        epochs = "SELECT COUNT(*) FROM metrics WHERE key = 'val_accuracy'"
        (steps,) = store.execute(epochs).fetchone()
    assert runs == [("FINISHED", 6)]
    assert steps >= 5 * 20
    assert not list(disk.rglob("*.damaged"))


def _wait(is_so: Callable[[], bool], run: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 200
    while not is_so():
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.timeout(300)
@pytest.mark.skipif(os.getuid() == 0, reason="root has run each of them")
def test_all_of_these_without_root() -> None:
    """In a namespace in which this user is root, as far as mounts go."""
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*namespace, "true"], check=False).returncode:
        pytest.skip("this system has no user namespaces for users")
    words = [sys.executable, "-m", "pytest", "-n0", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run([*namespace, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "5 passed, 1 skipped" in done.stdout
