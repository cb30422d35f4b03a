"""A study over the multirun of any Hydra application: values of its overrides, its own objective.

Overrides are written as Hydra's sweeps are: `lr=interval(0.001,0.1)`, `lr=tag(log,interval(...))`,
`layers=range(1,5)`, `optimizer=adam,sgd`. The task function returns the objective, or a list.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import (
    ChoiceSweep,
    IntervalSweep,
    Override,
    RangeSweep,
    Transformer,
)
from hydra.core.utils import JobReturn, JobStatus
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.launch.context import current_context, use_context
from darkmagic.sweeps.launch.observer import IgnoreJobs
from darkmagic.trainers.errors import short_message

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler

__all__ = ["MultirunStudy"]

RESULTS = "optimization_results.yaml"
ENDED = "ended"
"""Attribute of a trial whose job has ended, well or not: one without it is tried again."""
SAMPLERS = {
    "tpe": "TPESampler",
    "gp": "GPSampler",
    "cma": "CmaEsSampler",
    "random": "RandomSampler",
}
log = logging.getLogger(__name__)


class MultirunStudy(IgnoreJobs):
    """Asks for `trials` in all, those that the study in `storage` has counted in.

    It feeds a launcher that can be fed, and launches `jobs` at a time by any other. Trials that a
    killed process left open are tried again.
    """

    def __init__(
        self,
        overrides: Sequence[str],
        *,
        sampler: str,
        directions: Sequence[str],
        trials: int,
        storage: str | None = None,
        name: str | None = None,
        seed: int | None = None,
    ) -> None:
        import optuna

        if trials < 1:
            raise UserError(f"n_trials={trials}: give 1 or more")
        for direction in directions:
            if direction not in ("minimize", "maximize"):
                raise UserError(f"direction={direction}: choose from minimize, maximize")
        self._fixed, self._spans = _split(overrides)
        if not self._spans:
            raise UserError(
                "no override is swept: write, for example, 'lr=tag(log,interval(0.001,0.1))' or "
                "optimizer=adam,sgd"
            )
        self._trials = trials
        self._study = optuna.create_study(
            storage=storage,
            study_name=name,
            sampler=_sampler(sampler, seed),
            directions=list(directions),  # type: ignore[arg-type]
            load_if_exists=True,
        )
        self._open: list[optuna.Trial] = []
        self._error: str = ""

    def run(self, launcher: Launcher, folder: str, *, jobs: int = 1) -> optuna.Study:
        """Run what the study suggests; write the best to a file in `folder`, return the study.

        Raises `RuntimeError` if no job of the study has returned an objective.
        """
        self._mend()
        if hasattr(launcher, "stream"):
            with use_context(replace(current_context(), observer=self)):
                launcher.stream(self)
        else:
            self._in_batches(launcher, max(1, jobs))
        if not any(trial.state.name == "COMPLETE" for trial in self._study.get_trials()):
            raise RuntimeError(f"no job returned an objective; the last error: {self._error}")
        self._write(Path(folder))
        return self._study

    def _mend(self) -> None:
        """Put what a process left open in line again, and give up what stands for it."""
        from optuna.trial import TrialState

        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            self._study.tell(trial.number, state=TrialState.FAIL)
            if set(trial.params) == set(self._spans):
                self._study.enqueue_trial(trial.params)

    def _in_batches(self, launcher: Launcher, size: int) -> None:
        while True:
            first = len(self._open)
            batch: list[Sequence[str]] = []
            while len(batch) < size and (job := self.next_job()) is not None:
                batch.append(job)
            if not batch:
                return
            for index, job_return in enumerate(launcher.launch(batch, first), start=first):
                self.ended(index, job_return, None)

    # The feed of a launcher.

    @property
    def expected(self) -> int:
        return max(1, self._left())

    def _left(self) -> int:
        """Return how many are to be asked for: those that run or have ended are counted in."""
        from optuna.trial import TrialState

        given_up = TrialState.FAIL, TrialState.WAITING
        counted = [
            trial
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state not in given_up or ENDED in trial.user_attrs
        ]
        return self._trials - len(counted)

    def next_job(self) -> Sequence[str] | None:
        if self._left() <= 0:
            return None
        trial = self._study.ask(self._spans)
        self._open.append(trial)
        return [*self._fixed, *(f"{name}={value}" for name, value in trial.params.items())]

    def unneeded(self, index: int) -> str | None:
        """Return None: a task function of another's says nothing before it ends."""
        del index
        return None

    # The observer of its jobs.

    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        """Tell the study what the task function returned, or that it failed."""
        del exit_code
        trial = self._open[index]
        trial.set_user_attr(ENDED, True)
        values = None
        if job.status is JobStatus.COMPLETED:
            values = _objectives(job.return_value, len(self._study.directions))
            self._error = self._error if values else f"it returned {job.return_value!r:.80}"
        else:
            self._error = short_message(job._return_value)  # noqa: SLF001 (the public one raises)
        if values is None:
            log.warning("job %d of the study failed: %s", index, self._error)
            self._study.tell(trial, state=_fail())
        else:
            self._study.tell(trial, values)

    def _write(self, folder: Path) -> None:
        best = self._study.best_trials
        found: dict[str, Any] = {"name": "optuna"}
        if len(self._study.directions) == 1:
            found |= {"best_params": dict(best[0].params), "best_value": best[0].value}
        else:
            found["solutions"] = [{"params": dict(t.params), "values": t.values} for t in best]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / RESULTS).write_text(yaml.safe_dump(found, sort_keys=False))


def _fail() -> Any:
    from optuna.trial import TrialState

    return TrialState.FAIL


def _sampler(name: str, seed: int | None) -> BaseSampler:
    from optuna import samplers

    if name not in SAMPLERS:
        raise UserError(f"sampler={name}: no such sampler; " + nearest(name, SAMPLERS))
    made: BaseSampler = getattr(samplers, SAMPLERS[name])(seed=seed)
    return made


def _split(overrides: Sequence[str]) -> tuple[list[str], dict[str, BaseDistribution]]:
    """Return the overrides that are the same for all jobs, and what others are drawn from.

    The last of one key counts.
    """
    try:
        parsed = OverridesParser.create().parse_overrides(list(overrides))
    except HydraException as error:
        raise UserError(f"cannot read an override: {short_message(error)}") from error
    last = {override.get_key_element(): override for override in parsed}
    fixed, spans = [], {}
    for key, override in last.items():
        if override.is_sweep_override():
            spans[key] = _distribution(override)
        else:
            fixed.append(str(override.input_line))
    return fixed, spans


def _distribution(override: Override) -> BaseDistribution:
    from optuna import distributions

    value = override.value()
    tags = set(getattr(value, "tags", ()))
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        if low is None or high is None or not low < high:
            raise UserError(f"{override.input_line}: need interval(low, high) with low < high")
        if "int" in tags or (isinstance(low, int) and isinstance(high, int)):
            return distributions.IntDistribution(int(low), int(high), log="log" in tags)
        return distributions.FloatDistribution(float(low), float(high), log="log" in tags)
    if isinstance(value, RangeSweep):
        start, stop, step = value.start, value.stop, value.step
        if all(isinstance(each, int) for each in (start, stop, step)) and not value.shuffle:
            values = range(int(start or 0), int(stop or 0), int(step))
            if not values:
                raise UserError(f"{override.input_line}: the range is empty")
            return distributions.IntDistribution(min(values), max(values), step=abs(int(step)))
    if isinstance(value, ChoiceSweep | RangeSweep):
        encoded = override.sweep_iterator(transformer=Transformer.encode)
        choices = (str(each).lower() if isinstance(each, bool) else str(each) for each in encoded)
        return distributions.CategoricalDistribution(tuple(choices))
    raise UserError(f"{override.input_line}: sweep an interval, a range or choices a,b,c")


def _objectives(value: Any, count: int) -> list[float] | None:
    """Return what a task function returned as objectives; None if it is not as many numbers."""
    several = list(value) if isinstance(value, list | tuple) else [value]
    try:
        found = [float(each) for each in several]
    except (TypeError, ValueError):
        return None
    return found if len(found) == count and not any(map(math.isnan, found)) else None
