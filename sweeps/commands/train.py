"""Single trials: `darkmagic train`, tracked and shown as those of a sweep are."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path

from hydra.core.utils import JobReturn
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Trial
from darkmagic.checklist.records import ENDED
from darkmagic.sweeps.compose.checks.options import check_options, refuse_unused_fields
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.parse_overrides import quote
from darkmagic.sweeps.compose.request import metric_modules
from darkmagic.sweeps.compose.session import CONFIG_NAME, hydra_session
from darkmagic.sweeps.launch.check import check_launcher
from darkmagic.sweeps.launch.context import SweepContext, use_context
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.follower import Follower
from darkmagic.sweeps.orchestrate.hold import hold_trials
from darkmagic.sweeps.orchestrate.mend import mend_folder
from darkmagic.sweeps.orchestrate.trial_state import TrialState, flatten
from darkmagic.sweeps.orchestrate.watch.mirror import Mirror
from darkmagic.sweeps.slow import OPENING, said_if_slow
from darkmagic.sweeps.track.provenance import provenance
from darkmagic.sweeps.track.sinks.choose import check_track, open_sink
from darkmagic.sweeps.track.store import default_uri
from darkmagic.sweeps.track.tracker import Tracker
from darkmagic.sweeps.trial.command.node import refuse_command
from darkmagic.sweeps.trial.identity import identity, resolve
from darkmagic.sweeps.trial.paths import experiment_folder, out_folder
from darkmagic.sweeps.trial.task import run_trial
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.runtime.cache import expand, forget_silence

__all__ = ["train"]


def train(
    overrides: Sequence[str],
    progress: Progress,
    config_dirs: Sequence[Path] = (),
    *,
    multirun: bool,
) -> list[TrialState]:
    """Train one trial, or with `multirun` each combination of the overrides' choices.

    Raises `UserError` for an override that cannot be used, before anything starts.
    """
    fork_server.warm_up(metric_modules(overrides))
    forget_silence()
    observer = _TrainObserver(progress)
    with hydra_session(config_dirs) as hydra:
        checked = check_overrides(hydra.config_loader, overrides, sweep=multirun)
        refuse_command(checked.config, "darkmagic train", "run the command itself")
        check_launcher(checked.config)
        check_track(checked.config)
        chosen = [*checked.plain, *checked.tricks]
        check_options(hydra.config_loader, checked.config, checked.options, chosen)
        refuse_unused_fields(hydra.config_loader, checked.options, checked.tricks, every=True)
        out = str(checked.config.runtime.out)  # Hydra makes folders as they are written
        expanded = [] if str(expand(out)) == out else [f"runtime.out={quote(str(expand(out)))}"]
        trial_overrides = [*chosen, *expanded, "hydra/sweeper=basic"]
        try:
            with use_context(SweepContext(progress=progress, observer=observer)):
                hydra.multirun(CONFIG_NAME, run_trial, trial_overrides)
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(short_message(error)) from error
        except Exception:
            observer.close()
            if not observer.states or any(state.status not in ENDED for state in observer.states):
                raise
            # Hydra's own sweeper raises for a trial whose process died, which is a row like others.
        finally:
            observer.close()
    return observer.states


class _TrainObserver:
    """An `Observer` that tracks the jobs of any sweeper, each as a run without a parent."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._follower: Follower | None = None
        self._held = contextlib.ExitStack()
        self.states: list[TrialState] = []

    def note(self, message: str) -> None:
        """Show a line about the launch."""
        self._progress.note(message)

    def launching(self, directories: Sequence[Path], configs: Sequence[DictConfig]) -> None:
        """Open a run for each job, before any starts."""
        self._held.enter_context(hold_trials(directories))
        self.states = [
            _state(directory, config, self._progress)
            for directory, config in zip(directories, configs, strict=True)
        ]
        config = configs[0]
        uri = default_uri(config.runtime.tracking_uri, out_folder(config))
        artifacts = experiment_folder(config).parent / "artifacts"
        with said_if_slow(self._progress.note, OPENING):
            tracker = Tracker(uri, str(config.runtime.experiment), artifacts)
            known, tags = tracker.known_trials(None), provenance()
        for state in self.states:
            params = flatten(state.resolved)
            state.run = tracker.open_trial(
                known, None, state.run_name, {**state.tags, **tags}, params
            )
        mirror = Mirror(open_sink(config, experiment_folder(config)))
        self._follower = Follower(
            self.states, tracker, self._progress, tell_data=True, mirror=mirror
        )
        self._follower.__enter__()
        self._follower.launching(directories, configs)

    def added(self, directory: Path, config: DictConfig) -> None:
        """Jobs of a sweep are all known before: none is added."""

    def started(self, index: int) -> None:
        """Pass on to the follower."""
        assert self._follower is not None
        self._follower.started(index)

    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        """Pass on to the follower."""
        assert self._follower is not None
        self._follower.ended(index, job, exit_code)

    def close(self) -> None:
        """Send what is left and close the progress, also after an interruption."""
        with self._held:
            if self._follower is not None:
                self._follower.__exit__(None)
                self._follower = None


def _state(directory: Path, job: DictConfig, progress: Progress) -> TrialState:
    overrides = tuple(str(override) for override in job.hydra.overrides.task)
    resolved = resolve(job)
    trial = Trial(None, None, "", int(job.seed))
    for message in mend_folder(directory, resolved, identity(resolved)):
        progress.note(message)
    run_name = " ".join(overrides) or "train"
    return TrialState(
        trial,
        overrides,
        job,
        resolved,
        identity(resolved),
        directory,
        display_name=run_name,
        run_name=run_name,
    )
