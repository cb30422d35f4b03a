"""Claims: of all that want a job one has it, and the next has it when that one is dead."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from omegaconf import OmegaConf

from darkmagic.sweeps.launch.composed import ComposedJobs
from darkmagic.sweeps.launch.jobs.claims import (
    LOST_SHARE,
    MAX_DEATHS,
    claim_job,
    last_claim,
    wait_until_lost,
)
from darkmagic.sweeps.launch.jobs.holder import Holder
from darkmagic.sweeps.launch.jobs.job_files import JobFiles, Outcome
from darkmagic.sweeps.launch.jobs.queue import Queue, find_queues, job_name

LEASE = 60.0
ELSEWHERE = replace(Holder.this_process(), machine="another", host="node7")


def _publish(folder: Path, *subdirs: str) -> list[JobFiles]:
    configs = [
        OmegaConf.create({"hydra": {"sweep": {"dir": str(folder), "subdir": subdir}}})
        for subdir in subdirs
    ]
    return Queue(folder).publish(b"shared", ComposedJobs.of(configs), lease_seconds=LEASE)


def _claim_all(folder: str, results: str) -> None:
    holder = Holder.this_process()
    got = [
        job.name
        for job in Queue(Path(folder)).open_jobs()
        if claim_job(job, holder, LEASE) is not None
    ]
    (Path(results) / str(os.getpid())).write_text(json.dumps(got))
    time.sleep(1)  # none dies, and gives another its jobs, while the others look


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_each_of_many_jobs_has_one_of_many_workers(tmp_path: Path) -> None:
    """Eight processes that claim a hundred jobs at once have each of them once."""
    names = [f"trial{i}" for i in range(100)]
    _publish(tmp_path / "e", *names)
    results = tmp_path / "results"
    results.mkdir()
    context = multiprocessing.get_context("fork")
    workers = [
        context.Process(target=_claim_all, args=(str(tmp_path / "e"), str(results)))
        for _ in range(8)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    had = [name for path in results.iterdir() for name in json.loads(path.read_text())]
    assert sorted(had) == sorted(names)


@pytest.mark.parametrize(
    ("holder", "silent", "had"),
    [
        (Holder.this_process(), 0, True),
        (Holder.this_process(), 10_000, True),  # it runs, however slow its folder is
        (replace(Holder.this_process(), pid=1, born="1"), 0, True),  # its children are ending
        (replace(Holder.this_process(), pid=1, born="1"), 10, False),
        (ELSEWHERE, 0, True),
        (ELSEWHERE, LEASE - 10, True),
        (ELSEWHERE, LEASE + 5, False),
    ],
)
def test_job_is_had_while_its_worker_lives(
    tmp_path: Path, holder: Holder, silent: float, *, had: bool
) -> None:
    """This machine knows of its processes; one of another machine is dead when it is silent."""
    (job,) = _publish(tmp_path, "a")
    first = claim_job(job, holder, LEASE)
    assert first is not None
    then = time.time() - silent
    os.utime(first.path, (then, then))
    assert (last_claim(job, LEASE) is not None) == had
    second = claim_job(job, Holder.this_process(), LEASE)
    assert (second is None) == had
    if second is not None:
        assert first.lost() == "another worker has it"
        assert (second.number, second.deaths) == (2, 1)


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
@pytest.mark.parametrize(("silent", "had"), [(LEASE - 10, True), (LEASE + 5, False)])
def test_who_may_only_read_the_folder_sees_who_died(
    tmp_path: Path, silent: float, *, had: bool
) -> None:
    """Without a file to ask the folder's clock by, this machine's says how long one is silent."""
    (job,) = _publish(tmp_path, "a")
    claim = claim_job(job, ELSEWHERE, LEASE)
    assert claim is not None
    then = time.time() - silent
    os.utime(claim.path, (then, then))
    for folder in (tmp_path, *tmp_path.parents):  # of which pytest makes several for itself alone
        if folder.stat().st_mode & 0o055 != 0o055:
            folder.chmod(folder.stat().st_mode | 0o055)
    os.seteuid(65534)
    try:
        assert (last_claim(job, LEASE) is not None) == had
    finally:
        os.seteuid(0)


def test_what_trains_knows_when_its_claim_is_lost(tmp_path: Path) -> None:
    """It is not while the worker renews it; then it soon is, and at once if another has the job."""
    (job,) = _publish(tmp_path, "a")
    claim = claim_job(job, Holder.this_process(), 0.8)
    assert claim is not None
    began = time.monotonic()

    def renew() -> None:
        while time.monotonic() - began < 1.0:
            claim.beat()
            time.sleep(0.05)

    renewal = threading.Thread(target=renew)
    renewal.start()
    reason = wait_until_lost(job, claim.number, 0.8)
    renewal.join()
    assert time.monotonic() - began > 1.0 + LOST_SHARE * 0.8 - 0.1
    assert "gave no sign of life" in reason
    (job.path / "claim.2").touch()
    assert wait_until_lost(job, claim.number, 0.8) == "another worker has it"


def test_claim_that_is_lost_is_not_renewed(tmp_path: Path) -> None:
    """A worker that was stopped leaves off, though nobody has its job yet."""
    (job,) = _publish(tmp_path, "a")
    claim = claim_job(job, Holder.this_process(), LEASE)
    assert claim is not None
    late = replace(claim, lease_seconds=0.01)
    time.sleep(0.02)
    os.utime(claim.path, (0, 0))
    late.beat()
    assert claim.path.stat().st_mtime == 0
    assert late.lost() == "its claim could not be renewed"


def test_job_that_is_given_back_is_had_at_once_and_counts_no_death(tmp_path: Path) -> None:
    """A worker that is stopped leaves what it had to the next."""
    (job,) = _publish(tmp_path, "a")
    first = claim_job(job, Holder.this_process(), LEASE)
    assert first is not None
    first.give_back()
    second = claim_job(job, ELSEWHERE, LEASE)
    assert second is not None
    assert (second.number, second.deaths) == (2, 0)


def test_job_that_kills_its_workers_is_ended(tmp_path: Path) -> None:
    """After five dead workers a job is no sixth one's: it has ended, and says why."""
    (job,) = _publish(tmp_path, "a")
    for _ in range(MAX_DEATHS):
        claim = claim_job(job, ELSEWHERE, LEASE)
        assert claim is not None
        os.utime(claim.path, (0, 0))
    assert claim_job(job, ELSEWHERE, LEASE) is None
    outcome = job.outcome()
    assert outcome is not None
    assert outcome.error == "5 workers died while they trained it"


def test_job_that_has_ended_or_is_withdrawn_is_not_to_be_had(tmp_path: Path) -> None:
    """An ended job is left alone until it is published anew; a withdrawn one is given back."""
    (job,) = _publish(tmp_path, "a")
    claim = claim_job(job, Holder.this_process(), LEASE)
    assert claim is not None
    assert claim.lost() is None
    job.end(Outcome("why", 1, 1, "here"))
    claim.give_back()
    assert claim_job(job, Holder.this_process(), LEASE) is None
    _publish(tmp_path, "a")
    claim = claim_job(job, Holder.this_process(), LEASE)
    assert claim is not None
    assert claim.number == 1
    job.withdraw()
    assert claim.lost() == "it was withdrawn"
    _publish(tmp_path, "a")  # before the worker has noticed
    assert claim.lost() is None


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"pid": "x"}', "\x00"])
def test_claim_that_is_being_written_is_live_until_it_is_silent(
    tmp_path: Path, content: str
) -> None:
    """A claim that names nobody may be half-written: it holds as long as any other's lease."""
    (job,) = _publish(tmp_path, "a")
    path = job.path / "claim.1"
    path.write_text(content)
    assert claim_job(job, Holder.this_process(), LEASE) is None
    os.utime(path, (0, 0))
    assert claim_job(job, Holder.this_process(), LEASE) is not None


def test_queues_are_found_below_a_folder_and_not_below_themselves(tmp_path: Path) -> None:
    """The folder of all experiments, of one, and Hydra's own multirun/DATE/TIME all serve."""
    deep = tmp_path / "multirun" / "2026-01-01" / "12-00-00"
    for folder in (tmp_path / "runs" / "a", tmp_path / "runs" / "b", deep):
        _publish(folder, "x/y", "1")
    _publish(tmp_path / "runs" / "a" / "trial", "z")
    found = [queue.path.parent for queue in find_queues(tmp_path / "runs")]
    assert found == [tmp_path / "runs" / "a", tmp_path / "runs" / "b"]
    assert [queue.path.parent for queue in find_queues(tmp_path / "multirun")] == [deep]
    assert [queue.path.parent for queue in find_queues(deep)] == [deep]


@pytest.mark.parametrize("subdir", ["a", "mixup=on-s0-1234", "lr=0.1/seed=1", "..", "x" * 300, "ä"])
def test_name_of_a_job_is_one_that_a_file_may_have(tmp_path: Path, subdir: str) -> None:
    """Whatever folder a job's output goes to, its files have one of their own."""
    name = job_name(subdir)
    assert "/" not in name
    assert len(name.encode()) <= 200
    assert name not in (".", "..")
    (job,) = _publish(tmp_path, subdir)
    assert job.directory == tmp_path / subdir
    assert Queue(tmp_path).names() == [name]


def test_published_again_a_job_keeps_its_worker_and_other_open_ones_stay(tmp_path: Path) -> None:
    """A sweep that is started again finds its jobs as they stand, behind it those of others."""
    a, _ = _publish(tmp_path, "a", "b")
    claim = claim_job(a, Holder.this_process(), LEASE)
    assert claim is not None
    _publish(tmp_path, "c", "a")
    assert Queue(tmp_path).names() == ["c", "a", "b"]
    assert claim.lost() is None
    assert claim_job(a, ELSEWHERE, LEASE) is None
