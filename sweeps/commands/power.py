"""Ground to plan more seeds on: the checklist, and the report of its sweep so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import Checklist
from darkmagic.checklist.plan import trial_names
from darkmagic.checklist.report.content import Report
from darkmagic.sweeps.compose.command.planner import make_planner
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.request import split_request
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.orchestrate.extend import SweepKey, find_sweep, sweep_key
from darkmagic.sweeps.orchestrate.report import make_report
from darkmagic.sweeps.orchestrate.screening.plan import check_design
from darkmagic.sweeps.track.rules import read_rules
from darkmagic.sweeps.track.snapshot import take_snapshot
from darkmagic.sweeps.track.store import open_client

__all__ = ["KnownSweep", "power"]


@dataclass(frozen=True)
class KnownSweep:
    """A checklist, and the report of its sweep; None if this recipe has no sweep yet.

    `runs` are those that a budget or a screen is asked to have; None where none are named, and
    where the sweep is `untimed`: not known to have how many in the time of its budget.
    """

    checklist: Checklist
    report: Report | None
    key: SweepKey
    rules: Rules = field(default_factory=Rules)  # that the configuration fixes
    runs: int | None = None
    untimed: bool = False

    @property
    def metric(self) -> Metric:
        """The metric that decides: the sweep's, if there is one."""
        return self.report.comparison.metric if self.report else self.rules.metric

    @property
    def trials(self) -> int:
        """The number of trials beside the baseline."""
        return len(trial_names(self.checklist)) - 1


def power(overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> KnownSweep:
    """Return the checklist of the sweep that `overrides` configure, and its report if any.

    Raises `UserError` for an override that cannot be used.
    """
    rest, request = split_request(overrides)
    with hydra_session(config_dirs) as hydra:
        checked = check_overrides(hydra.config_loader, rest)
        check_design(checked.config, request)
        planner = make_planner(hydra.config_loader, checked.config, checked.plain, checked.tricks)
        baseline = compose(hydra.config_loader, planner.baseline_overrides)
        key = sweep_key(checked.config, baseline)
        rules = read_rules(checked.config)
    parent = find_sweep(key)
    found = None if parent is None else take_snapshot(open_client(key.uri), parent)
    runs = checked.config.runs
    if request.budget is not None:
        runs = request.budget.runs_in_all(found.records if found else ())
    report = None if found is None else make_report(found)
    untimed = request.budget is not None and runs is None
    return KnownSweep(planner.checklist, report, key, rules, runs, untimed)
