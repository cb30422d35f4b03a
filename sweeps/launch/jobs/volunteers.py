"""Workers that people start, on whatever machine shares the folder: nobody is asked to begin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from darkmagic.sweeps.launch.context import current_context
from darkmagic.sweeps.launch.jobs.job_files import JobFiles
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.text import shell_word

__all__ = ["Volunteers"]


class Volunteers:
    """The `Workers` of `hydra/launcher=worker`: a job waits until a worker takes it."""

    def __init__(self, queue: Queue) -> None:
        folder = shell_word(str(queue.path.parent))
        current_context().observer.note(
            f"trials wait for workers; on each machine: darkmagic worker --out {folder}"
        )

    def begin(self, jobs: Sequence[JobFiles]) -> None: ...

    def given_up(self, jobs: Mapping[int, JobFiles]) -> Mapping[int, str]:
        """Return none: a worker may always come."""
        del jobs
        return {}

    def cancel(self, jobs: Sequence[JobFiles]) -> None: ...
    def close(self) -> None: ...
