"""Driver of a study: asks it for a trial when a device is free, and tells it how each ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from darkmagic.checklist.model import TUNED, Trial
from darkmagic.checklist.planning.budget import Allowance
from darkmagic.checklist.records import Costs, Status, TrialRecord
from darkmagic.sweeps.compose.caching_loader import RememberingLoader
from darkmagic.sweeps.compose.plan import Planner
from darkmagic.sweeps.launch.context import current_context
from darkmagic.sweeps.orchestrate.compose_trials import compose_trial
from darkmagic.sweeps.orchestrate.follower import Follower
from darkmagic.sweeps.orchestrate.trial_state import TrialState, derive_job_config, flatten
from darkmagic.sweeps.orchestrate.watch.ended import judge_job
from darkmagic.sweeps.track.schema.tags import run_key
from darkmagic.sweeps.track.tracked_run import TrackedRun
from darkmagic.sweeps.track.tracker import Tracker
from darkmagic.sweeps.trial.paths import read_events
from darkmagic.sweeps.tune.pruner import Pruner, curve_of_events
from darkmagic.sweeps.tune.storage.study import Asked, TuningStudy
from darkmagic.trainers.outputs.event_log import last_of_each_epoch
from darkmagic.trainers.outputs.result_file import write_result

__all__ = ["Driver"]

MOST_REPEATS = 100
"""Suggestions one after another of what was trained, after which nothing new is to be expected."""


class Driver:
    """The feed of a launcher, and the observer of its jobs, both in the launcher's thread.

    `left` are trials of the study that are under way; `budget` counts those too. The trials' runs
    in MLflow are children of `parent`, and `follower` follows their events.
    """

    def __init__(
        self,
        loader: ConfigLoader,
        master: DictConfig,
        planner: Planner,
        study: TuningStudy,
        budget: Allowance,
        tracker: Tracker,
        parent: TrackedRun,
        follower: Follower,
        *,
        left: Sequence[Asked] = (),
        pruner: Pruner | None = None,
    ) -> None:
        self._loader, self._master, self._planner = loader, master, planner
        self._study, self._budget, self._pruner = study, budget, pruner
        self._tracker, self._parent, self._follower = tracker, parent, follower
        self._known = tracker.known_trials(parent.run_id)
        self._left = deque(left)
        self._jobs: list[tuple[Asked, TrialState]] = []
        self._numbers: dict[str, list[int]] = {}  # by identity, of what runs and what repeats it
        self._seen: dict[int, int] = {}  # bytes of a job's events that were read
        self._unneeded: dict[int, str] = {}
        self._repeats = 0
        self.notes: list[str] = []

    # The feed.

    @property
    def expected(self) -> int:
        return MOST_REPEATS if self._budget.in_seconds else max(1, self._runs_left())

    def launch(self, launcher: Launcher) -> None:
        """Run jobs until there are no more: side by side where the launcher can be fed."""
        if hasattr(launcher, "stream"):
            launcher.stream(self)
            return
        self.launching([], [])
        while (overrides := self.next_job()) is not None:  # one at a time, as each is told
            index = len(self._jobs) - 1
            state = self._jobs[index][1]
            self.added(state.directory, derive_job_config(state))
            self.started(index)
            (job,) = launcher.launch([overrides], index)
            self.ended(index, job, None)

    def next_job(self) -> Sequence[str] | None:
        while self._repeats < MOST_REPEATS:
            if self._left:
                asked = self._left.popleft()
            elif self._runs_left() > 0:
                asked = self._study.ask()
            else:
                return None
            state = self._compose(asked)
            if self._tell_repeated(asked, state):
                self._repeats += 1
                continue
            self._repeats = 0
            self._track(state)
            if state.status is Status.PENDING:
                return self._begin(asked, state)
            self._study.tell(asked.number, state.result)
        note = (
            f"the last {MOST_REPEATS} suggestions were all tried before: there is little new here"
        )
        if note not in self.notes:
            self.notes.append(note)
        return None

    def _tell_repeated(self, asked: Asked, state: TrialState) -> bool:
        """Whether the recipe runs, or has ended under another number, whose result is told then."""
        if state.identity in self._numbers:
            self._numbers[state.identity].append(asked.number)
            return True
        same = self._told_before(asked.number)
        if same is None:
            return False
        result = state.result if state.status is not Status.PENDING else self._study.pruned(same)
        if result is None:
            return False
        self._study.tell(asked.number, result, same_as=same)
        return True

    def _told_before(self, number: int) -> int | None:
        """Return the number of an earlier trial of the same recipe, if there is one."""
        params = self._study.trials[number].params
        same = (t.number for t in self._study.trials if t.number != number and t.params == params)
        return next(same, None)

    def _runs_left(self) -> int:
        records = [
            TrialRecord(
                TUNED,
                str(trial.number),
                "",
                0,
                Status.FINISHED,
                costs=Costs(wall_seconds=trial.user_attrs.get("wall_seconds")),
            )
            for trial in self._study.ran
        ]
        return self._budget.left(records) - len(self._numbers)

    def unneeded(self, index: int) -> str | None:
        asked, state = self._jobs[index]
        if self._pruner is None:
            return None
        _, offset = read_events(state.directory, self._seen.get(index, 0))
        if offset == self._seen.get(index, 0):
            return None
        self._seen[index] = offset
        objective = self._study.objectives[0]
        epochs = last_of_each_epoch(read_events(state.directory)[0])
        curve = curve_of_events(epochs, objective)
        if curve is None:
            return None
        values = {epoch: objective.gain(gain) for epoch, gain in curve.gains.items()}
        self._study.report(asked.number, values)
        reason = self._pruner.reason(curve)
        if reason is not None:
            self._unneeded[index] = reason
        return reason

    def _compose(self, asked: Asked) -> TrialState:
        """Return the state of the trial, by its folder."""
        seed = int(self._master.seed)
        trial = Trial(TUNED, f"{asked.number:03d}", "", seed, asked.recipe.choices)
        overrides = self._planner.tuned_overrides(trial, asked.recipe.overrides)
        progress = current_context().progress
        return compose_trial(
            self._loader, self._master, trial, overrides, {}, progress, self._numbers
        )

    def _begin(self, asked: Asked, state: TrialState) -> Sequence[str]:
        """Return the overrides of a trial that is to be trained."""
        self._numbers[state.identity] = [asked.number]
        self._jobs.append((asked, state))
        if isinstance(self._loader, RememberingLoader):
            self._loader.remember(state.overrides, derive_job_config(state))
        return state.overrides

    def _track(self, state: TrialState) -> None:
        """Open the trial's run in MLflow, and follow it."""
        before = self._known.get(run_key(state.tags))
        if before is not None:
            state.load_run(before.data.tags, before.data.metrics)
        params = flatten(state.resolved)
        state.run = self._tracker.open_trial(
            self._known, self._parent, state.run_name, state.tags, params
        )
        self._follower.follow(state)

    # The observer, in the launcher's thread as the feed is.

    def note(self, message: str) -> None:
        self._follower.note(message)

    def launching(self, directories: Sequence[Path], configs: Sequence[DictConfig]) -> None:
        self._follower.launching(directories, configs)

    def added(self, directory: Path, config: DictConfig) -> None:
        self._follower.added(directory, config)

    def started(self, index: int) -> None:
        self._follower.started(index)

    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        _, state = self._jobs[index]
        events, _ = read_events(state.directory)
        epochs = last_of_each_epoch(events)
        if index in self._unneeded and exit_code != 0:
            seconds = sum(float(event.get("seconds") or 0.0) for event in epochs)
            reason = self._unneeded[index]
            pruned = {"status": Status.PRUNED, "reason": reason, "wall_seconds": seconds}
            write_result(state.directory, pruned)
        result = judge_job(state.directory, job, exit_code)
        if self._pruner is not None:
            curve = curve_of_events(epochs, self._study.objectives[0])
            if curve is not None:
                self._pruner.add(curve)
        first, *others = self._numbers.pop(state.identity)
        self._study.tell(first, result)
        for number in others:
            self._study.tell(number, result, same_as=first)
        self._follower.ended(index, job, exit_code)
