"""`darkmagic train`: single trials, tracked and shown as those of a sweep are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn
from omegaconf import DictConfig

from darkmagic.checklist.model import Trial
from darkmagic.sweeps.orchestrate.follower import Follower
from darkmagic.sweeps.orchestrate.progress import SweepView
from darkmagic.sweeps.orchestrate.sweep import flatten
from darkmagic.sweeps.orchestrate.trial_state import TrialState
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
        self._follower: Follower | None = None
        self.states: list[TrialState] = []

    def launching(self, jobs: Sequence[tuple[Path, DictConfig]]) -> None:
        """Open a run for each job, before any starts."""
        self.states = [_state(directory, job) for directory, job in jobs]
        config = jobs[0][1]
        uri = default_uri(config.runtime.tracking_uri, out_folder(config))
        artifacts = experiment_folder(config).parent / "artifacts"
        tracker = Tracker(uri, str(config.runtime.experiment), artifacts)
        known, tags = tracker.known_trials(None), provenance()
        for state in self.states:
            params = flatten(state.resolved)
            state.run = tracker.open_trial(
                known, None, state.run_name, {**state.tags, **tags}, params
            )
        self._follower = Follower(self.states, tracker, self._view)
        self._follower.__enter__()
        self._follower.launching(jobs)

    def started(self, index: int) -> None:
        """Pass on."""
        assert self._follower is not None
        self._follower.started(index)

    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        """Pass on."""
        assert self._follower is not None
        self._follower.ended(index, job, exit_code)

    def close(self) -> None:
        """Send what is left and end the view, also after an interruption."""
        if self._follower is not None:
            self._follower.__exit__()


def _state(directory: Path, job: DictConfig) -> TrialState:
    words = tuple(str(word) for word in job.hydra.overrides.task)
    resolved = resolve(job)
    trial = Trial(None, None, "", int(job.seed))
    run_name = " ".join(words) or "train"
    return TrialState(
        trial,
        words,
        job,
        resolved,
        identity(resolved),
        directory,
        display_name=run_name,
        run_name=run_name,
    )
