"""`darkmagic train`: single trials, tracked and shown as those of a sweep are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn
from omegaconf import DictConfig

from darkmagic.checklist.model import Trial
from darkmagic.sweeps.orchestrate.follower import Orchestrator
from darkmagic.sweeps.orchestrate.progress import SweepView
from darkmagic.sweeps.orchestrate.sweep import flatten
from darkmagic.sweeps.orchestrate.trial_state import Entry
from darkmagic.sweeps.track.provenance import provenance
from darkmagic.sweeps.track.store import default_uri
from darkmagic.sweeps.track.tracker import Tracker
from darkmagic.sweeps.trial.identity import identity, resolve
from darkmagic.sweeps.trial.paths import experiment_folder, out_folder

__all__ = ["TrainObserver"]


class TrainObserver:
    """An `Observer` that tracks the jobs of any sweeper, each as a run without a parent."""

    def __init__(self, view: SweepView) -> None:
        self._view = view
        self._orchestrator: Orchestrator | None = None
        self.entries: list[Entry] = []

    def launching(self, jobs: Sequence[tuple[Path, DictConfig]]) -> None:
        """Open a run for each job, before any starts."""
        self.entries = [_entry(directory, job) for directory, job in jobs]
        config = jobs[0][1]
        uri = default_uri(config.runtime.tracking_uri, out_folder(config))
        artifacts = experiment_folder(config).parent / "artifacts"
        tracker = Tracker(uri, str(config.runtime.experiment), artifacts)
        known, tags = tracker.known_trials(None), provenance()
        for entry in self.entries:
            params = flatten(entry.resolved)
            entry.run = tracker.open_trial(known, None, entry.label, {**entry.tags, **tags}, params)
        self._orchestrator = Orchestrator(self.entries, tracker, self._view)
        self._orchestrator.__enter__()
        self._orchestrator.launching(jobs)

    def started(self, index: int) -> None:
        """Pass on."""
        assert self._orchestrator is not None
        self._orchestrator.started(index)

    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        """Pass on."""
        assert self._orchestrator is not None
        self._orchestrator.ended(index, job, exit_code)

    def close(self) -> None:
        """Send what is left and end the view, also after an interruption."""
        if self._orchestrator is not None:
            self._orchestrator.__exit__()


def _entry(directory: Path, job: DictConfig) -> Entry:
    words = tuple(str(word) for word in job.hydra.overrides.task)
    resolved = resolve(job)
    trial = Trial(None, None, "", int(job.seed))
    label = " ".join(words) or "train"
    return Entry(
        trial, words, job, resolved, identity(resolved), directory, shown=label, label=label
    )
