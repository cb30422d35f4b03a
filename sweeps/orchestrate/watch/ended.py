"""The result of a trial whose process has ended."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus

from darkmagic.checklist.records import STOPPED, Status
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.result_file import read_result, write_result

__all__ = ["judge_job"]


def judge_job(
    directory: Path,
    job: JobReturn,
    exit_code: int | None,
    stops: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the trial's result, by its exit code and its file: both must be good.

    If not, the failure is written, so that the trial is not taken for finished later. `stops` is
    the rule that hopeless trials are stopped by: the result of one keeps it.
    """
    result, left = None, "it left no result"
    try:
        result = read_result(directory)
    except DamagedFileError as damage:
        left = str(damage)
    whole = job.status is JobStatus.COMPLETED and exit_code in (0, None)
    if result is not None and (whole or result["status"] == Status.PRUNED):
        return result
    reason = str(job._return_value) if job.status is JobStatus.FAILED else left  # noqa: SLF001
    reason = mask_secrets(reason)
    failure: dict[str, Any] = {"status": "failed", "reason": reason}
    if reason.startswith(STOPPED):
        reason = reason.removeprefix(STOPPED)
        failure = {"status": Status.STOPPED.value, "reason": reason, **(stops or {})}
    with contextlib.suppress(OSError):  # without a file too it is trained again
        directory.mkdir(parents=True, exist_ok=True)
        write_result(directory, failure)
    return failure
