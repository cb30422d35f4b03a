"""The lines of a worker: a trial began, a trial ended."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from darkmagic.cli.console import make_console

if TYPE_CHECKING:
    from darkmagic.sweeps.launch.jobs.job_files import JobFiles

__all__ = ["WorkerLines"]


class WorkerLines:
    """Prints a line an event, with the time of day, so that logs of several machines can be read
    side by side.
    """

    def __init__(self) -> None:
        self._console = make_console()
        self._began: dict[str, float] = {}

    def note(self, text: str) -> None:
        """Print a line of no one trial."""
        self._print(text)

    def began(self, job: JobFiles) -> None:
        """Print that this worker has a trial."""
        self._began[job.name] = time.monotonic()
        self._print(f"began {job.name}")

    def ended(self, job: JobFiles, what: str) -> None:
        """Print how a trial ended here."""
        seconds = time.monotonic() - self._began.pop(job.name, time.monotonic())
        self._print(f"ended {job.name}: {what}, after {seconds:.0f} s")

    def done(self, count: int) -> None:
        """Print that the worker leaves."""
        self._print(f"nothing more to train; {count} {'trial' if count == 1 else 'trials'} here")

    def _print(self, text: str) -> None:
        now = time.strftime("%H:%M:%S")
        self._console.print(f"{now} {text}", soft_wrap=True, markup=False, highlight=False)
