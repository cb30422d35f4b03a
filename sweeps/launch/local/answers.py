"""What a child answers, in a time that somebody waits: the one way to wait for it."""

from __future__ import annotations

from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.local.fork_server import Job

__all__ = ["DiedError", "SilentError", "answer", "wait_for"]


class SilentError(Exception):
    """A child gave no answer for `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer for {seconds:.0f} s")
        self.seconds = seconds


class DiedError(Exception):
    """A child ended without an answer, with exit `code`, the negative signal if it was killed."""

    def __init__(self, code: int | None) -> None:
        super().__init__(f"exit code {code}")
        self.code = code


def wait_for(job: Job, seconds: float | None) -> Any:
    """Return what `job` returns, and end it in any case; `seconds` are None to wait for ever.

    Raises `SilentError` where it has not answered by then, with its stacks on stderr, and
    `DiedError` where its process ends before.
    """
    try:
        if seconds is not None and not job.connection.poll(seconds):
            job.print_stacks()
            raise SilentError(seconds)
        return job.result()
    except EOFError:
        raise DiedError(job.exit_code()) from None
    finally:
        job.stop()


def answer(job: Job, what: str, seconds: float | None, instead: str) -> Any:
    """Return what `job` returns, as `wait_for` does; `what` is what it does.

    Raises `UserError` where it dies, or takes more than `seconds`; `instead` is what to do then.
    """
    try:
        return wait_for(job, seconds)
    except SilentError as silent:
        raise UserError(
            f"{what} took more than {silent.seconds:.0f} s and was ended: {instead}"
        ) from None
    except DiedError as died:
        raise UserError(f"{what} ended its process (exit code {died.code})") from None
