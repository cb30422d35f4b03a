"""Clock of an optimisation whose budget is a time: what its commands took, and what is left.

It counts the time that a command runs, not that of training alone: start-up, checks, validation
and waiting for a device are in it. How long a trial takes is learnt from those that have ended.
"""

from __future__ import annotations

import json
import statistics
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from darkmagic.checklist.planning.budget import MAX_RUNS, Budget
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.tuning.pace import Pace, cut_to, hours
from darkmagic.checklist.tuning.shares import FEWEST_TUNED, Shares
from darkmagic.sweeps.commands.estimate import estimate
from darkmagic.sweeps.commands.plan import PlannedSweep
from darkmagic.sweeps.commands.tuning.timed import Timed
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.launch.devices import AUTO, make_leases
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.trial.identity import recipe_identity, resolve
from darkmagic.sweeps.trial.paths import experiment_folder
from darkmagic.trainers.outputs.durable import write_file

__all__ = ["Clock", "Show", "TimeLeft", "first_pace", "state_file", "way_of"]

Show = Callable[[], AbstractContextManager[Progress]]
RECENT = 12
"""Trials that tell how long the next one takes: options and numbers of late ones are alike."""
START_SECONDS, AROUND_SECONDS = 2.0, 4.0
"""What a trial takes beside its steps, and a sweep beside its trials, before any was seen."""
SECONDS, DECIDED, PACE = "seconds", "decided", "pace"


class Clock:
    """Counts the seconds of every command that walked the same way, in `file`.

    `recipe` tells ways of one experiment apart, and `budget`, as it was written, is for `total`
    seconds. What was decided by the time that was left is kept with it, so that the same command
    goes on with the same runs. A command that is killed loses what it took since the last trial
    ended.
    """

    def __init__(
        self,
        file: Path,
        recipe: str,
        budget: str,
        total: float,
        began: float | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file, self._recipe, self._budget, self.total = file, recipe, budget, total
        own = _read(file).get(recipe, {})
        self._before = float(own.get(SECONDS, 0.0))
        self._decided: dict[str, Any] = dict(own.get(DECIDED, {}).get(budget, {}))
        self._pace = Pace(*own[PACE]) if PACE in own else None
        self._ended_before = "spent" in self._decided  # this command shows it again
        self._now = now
        self._began = now() if began is None else began
        self._took: deque[float] = deque(maxlen=RECENT)

    @property
    def spent(self) -> float:
        """The seconds of all commands so far, this one's among them."""
        return self._before + (0.0 if self._ended_before else self._now() - self._began)

    @property
    def left(self) -> float:
        """The seconds that are left; none below 0."""
        return max(self.total - self.spent, 0.0)

    @property
    def pace(self) -> Pace | None:
        """How fast trials end here; None before any has."""
        return self._pace

    def decide(self, what: str, make: Callable[[], Any]) -> Any:
        """Return what was decided under this budget before, or else what `make` decides."""
        if what not in self._decided:
            self._decided[what] = make()
            self.save()
        return self._decided[what]

    def __str__(self) -> str:
        return f"{hours(self.left)} of budget={self._budget} are left"

    def tuning(self, shares: Shares) -> Budget | TimeLeft:
        """Return the budget of a study that leaves time for what follows it."""
        if "tuned" in self._decided:
            return Budget(int(self._decided["tuned"]))
        return TimeLeft(self, shares)

    def cut(self, shares: Shares) -> Shares:
        """Return `shares` with as much of what follows tuning as there is time for."""

        def fitting() -> list[int]:
            made = cut_to(self.left, self.pace, shares) if self.pace else shares
            return [made.repeats, made.seeds, made.candidates]

        repeats, seeds, candidates = self.decide("cut", fitting)
        return replace(shares, repeats=repeats, seeds=seeds, candidates=candidates)

    def told(self, planned: Shares, made: Shares) -> tuple[str, ...]:
        """Return what was spent, and what of the plan was left out for time."""
        spent = float(self.decide("spent", lambda: round(self.spent, 1)))
        out = [
            f"{was - has} of {was} {what}"
            for what, was, has in (
                ("fresh runs of each candidate", planned.repeats, made.repeats),
                ("candidates", planned.candidates, made.candidates),
                ("seeds of the confirmation", planned.seeds, made.seeds),
            )
            if has < was
        ]
        left_out = [f"Left out, as there was no time for it: {', '.join(out)}."] if out else []
        said = (
            f"{hours(spent)} by the clock, of budget={self._budget}, with start-up, checks and "
            "validation; not what other commands had trained."
        )
        return (said, *left_out)

    @contextmanager
    def watch(self, show: Show) -> Iterator[Progress]:
        """Show the progress of a stage, and learn from it how long its trials take."""
        began = self._now()
        with show() as shown:
            timed = Timed(shown, self._ended, self._now)
            try:
                yield timed
            finally:
                if timed.ended:
                    around = self._now() - began - timed.busy
                    self._learn(timed.slots, max(around, 0.0))
                self.save()

    def _ended(self, seconds: float, slots: int) -> None:
        self._took.append(seconds)
        self._learn(slots, self._pace.around if self._pace else AROUND_SECONDS)
        self.save()

    def _learn(self, slots: int, around: float) -> None:
        self._pace = Pace(statistics.fmean(self._took), slots, around)

    def save(self) -> None:
        """Write what is known, beside what the file has of other ways and budgets."""
        known = _read(self._file)
        own = known.setdefault(self._recipe, {})
        own[SECONDS] = round(self.spent, 2)
        own.setdefault(DECIDED, {})[self._budget] = self._decided
        if self._pace is not None:
            own[PACE] = [self._pace.trial, self._pace.slots, self._pace.around]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_file(self._file, lambda opened: opened.write(json.dumps(known).encode()))


class TimeLeft:
    """Budget of a study: it asks for trials as long as one more fits before what is to follow."""

    in_seconds = True

    def __init__(self, clock: Clock, shares: Shares) -> None:
        self._clock, self._shares = clock, shares

    def left(self, records: Sequence[TrialRecord]) -> int:
        """Return how many trials may be under way after `records`; 0 if no other fits."""
        pace = self._clock.pace
        if pace is not None and self._clock.left < pace.trial + pace.after_tuning(self._shares):
            return max(FEWEST_TUNED - len(records), 0)
        return MAX_RUNS


def _read(file: Path) -> dict[str, Any]:
    """Return what the file has; empty where it cannot be read, or is of a former version."""
    try:
        known = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {key: own for key, own in known.items() if isinstance(own, dict)}


def state_file(planned: PlannedSweep) -> Path:
    """Return the file of the clocks of the experiment."""
    return experiment_folder(planned.config) / "optimize.json"


def way_of(planned: PlannedSweep, seeds: int) -> str:
    """Return what tells one optimisation of an experiment from another: its baseline, options and
    the seeds that confirm.
    """
    with hydra_session(planned.config_dirs) as hydra:
        baseline = resolve(compose(hydra.config_loader, planned.plan.overrides[0]))
    options = {trick.name: list(trick.options) for trick in planned.plan.checklist.tricks}
    return recipe_identity(baseline, {"options": json.dumps(options), "seeds": str(seeds)})


def first_pace(planned: PlannedSweep) -> Pace:
    """Return how fast trials are expected to end, from measured steps."""
    each = estimate(planned)
    launcher = planned.config.hydra.launcher
    devices, trials = launcher.get("devices", AUTO), launcher.get("trials_per_device")
    slots = len(make_leases(devices, trials, launcher.get("threads")))
    return Pace(statistics.fmean(each) + START_SECONDS, slots, AROUND_SECONDS)
