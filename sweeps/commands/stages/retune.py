"""Rates picked before rows are compared: `retune=ladder` and `retune=optuna`."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import show_rates
from darkmagic.checklist.plan import Retune
from darkmagic.checklist.planning.retune import LADDER, pick, tries_of, tuning_seeds
from darkmagic.checklist.records import TrialRecord
from darkmagic.sweeps.commands.plan import PlannedSweep, plan_request
from darkmagic.sweeps.commands.sweep import sweep
from darkmagic.sweeps.compose.plan import Planner
from darkmagic.sweeps.compose.session import hydra_session
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.track.rules import read_rules

__all__ = ["retune"]

RANGE = (0.1, 10.0)
"""What Optuna multiplies a rate by, at least and at most."""
STARTUP_TRIALS = 3
"""Tries at random, the recipe's own rates among them, before TPE proposes."""
Tries = list[tuple[str, Mapping[str, float]]]


def retune(planned: PlannedSweep, progress: Progress) -> PlannedSweep:
    """Return `planned` with each row at the rates that were picked for it.

    Trains what is tried and is not trained yet, on seeds of its own. Rows of a sweep that exists
    keep their rates. `planned` itself is returned where nothing is to be picked. Raises
    `UserError` for a weight decay that cannot be tuned.
    """
    if not planned.unpicked:
        return planned
    rows = planned.unpicked
    records: list[TrialRecord] = []
    for tries in _rounds(planned, rows, records):
        records += _train(planned, tries, progress)
    rates = pick(rows, records, planned.rates, read_rules(planned.config).metric)
    progress.note(f"rates picked: {_shown(rates)}")
    plain = [*planned.checked.plain, *planned.checked.tricks]
    return plan_request(plain, planned.request, planned.config_dirs, rates=rates, will_train=True)


def _rounds(
    planned: PlannedSweep, rows: Mapping[str, Sequence[str]], records: Sequence[TrialRecord]
) -> Iterator[Tries]:
    """Yield what is tried side by side; `records` are by then those of all rounds before."""
    mode = Retune(planned.config.retune)
    if mode is Retune.LADDER:
        yield [(name, dict.fromkeys(keys, rate)) for rate in LADDER for name, keys in rows.items()]
        return
    studies = {name: _study(name, keys) for name, keys in rows.items()}
    metric = read_rules(planned.config).metric
    for _ in range(tries_of(mode, planned.config.retune_tries)):
        asked = {name: study.ask() for name, study in studies.items()}
        tries: Tries = [
            (
                name,
                {key: round(asked[name].suggest_float(key, *RANGE, log=True), 4) for key in keys},
            )
            for name, keys in rows.items()
        ]
        yield tries
        for name, rates in tries:
            _tell(studies[name], asked[name], _mean(records, name, rates, metric))


def _study(name: str, keys: Sequence[str]) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    # Of the name alone, so that a sweep that was interrupted asks for the same rates again.
    sampler = optuna.samplers.TPESampler(
        seed=zlib.crc32(name.encode()), n_startup_trials=STARTUP_TRIALS
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.enqueue_trial(dict.fromkeys(keys, 1.0))
    return study


def _tell(study: Any, trial: Any, gain: float | None) -> None:
    from optuna.trial import TrialState

    if gain is None:
        study.tell(trial, state=TrialState.FAIL)
    else:
        study.tell(trial, gain)


def _mean(
    records: Sequence[TrialRecord], name: str, rates: Mapping[str, float], metric: Metric
) -> float | None:
    """Return the mean gain of a try; None if a run of it has none."""
    own = [r for r in records if r.name == name and dict(r.rates) == dict(rates)]
    known = [metric.gain(value) for r in own if (value := r.result(metric)) is not None]
    return sum(known) / len(known) if known and len(known) == len(own) else None


def _train(planned: PlannedSweep, tries: Tries, progress: Progress) -> Sequence[TrialRecord]:
    config = planned.config
    with hydra_session(planned.config_dirs) as hydra:
        checked = planned.checked
        planner = Planner(hydra.config_loader, config, checked.plain, checked.tricks)
        plan = planner.plan_tries(tries, tuning_seeds(config.seed, config.retune_seeds))
    request = dataclasses.replace(planned.request, kind="retune")
    return sweep(dataclasses.replace(planned, plan=plan, request=request), progress).records


def _shown(rates: Mapping[str, Mapping[str, float]]) -> str:
    return "; ".join(f"{name} {', '.join(show_rates(own))}" for name, own in rates.items())
