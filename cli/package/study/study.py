"""The study: what the command line and a notebook plan, train and show."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.cli.views.tables import count_runs
from darkmagic.study.show import make_progress, study_html, study_text
from darkmagic.sweeps import api
from darkmagic.text import shell_line

if TYPE_CHECKING:
    import pandas as pd

    from darkmagic.checklist.report.content import Report
    from darkmagic.sweeps.api import Finding, PlannedSweep
    from darkmagic.sweeps.launch.progress import Progress
    from darkmagic.sweeps.orchestrate.sweep import SweepOutcome

__all__ = ["Finished", "Study", "train"]

MakeProgress = Callable[[], AbstractContextManager["Progress"]]
NO_REPORT = "this study has not run yet; start it: study.run()"


@dataclass(frozen=True)
class Finished:
    """What `train` leaves: the sweep, its report, and the files that hold it."""

    outcome: SweepOutcome
    report: Report
    files: list[Path]


class Study:
    """One checklist on one model and one data set: what a sweep of the command line is.

    `overrides` are the command line's words and `config_dirs` its `--config-dir`;
    `darkmagic.checklist` makes them from keyword arguments. A study has no state of its own: what
    is trained is found again by what it trained, in this process or another. In a notebook it shows
    its table and its forest plot.

    >>> study = Study(["checklist=article", "seeds=2"])
    >>> study.command, len(study.plan().trials)
    ('darkmagic checklist run checklist=article seeds=2', 36)
    """

    def __init__(self, overrides: Sequence[str] = (), config_dirs: Sequence[Path] = ()) -> None:
        self.overrides = tuple(overrides)
        self.config_dirs = tuple(config_dirs)
        self._report: Report | None = None

    @property
    def command(self) -> str:
        """The command that does the same in a shell."""
        folders = [word for folder in self.config_dirs for word in ("-c", str(folder))]
        words = ["darkmagic", "checklist", "run", *self.overrides, *folders]
        return mask_secrets(shell_line(words))

    def check(self) -> None:
        """Raise `UserError` where an override cannot be used. Reads nothing of earlier runs."""
        api.check(self.overrides, self.config_dirs)

    def plan(self, *, will_train: bool = False, interactions: bool = False) -> PlannedSweep:
        """Return the trials of this study, those that are trained already among them.

        Writes nothing. `will_train` starts the process that trials are forked from. With
        `interactions` a screen gets runs that tell a suspected pair of tricks apart. Raises
        `UserError` for an override that cannot be used.
        """
        return api.plan(
            self.overrides, self.config_dirs, will_train=will_train, interactions=interactions
        )

    def preflight(self) -> list[Finding]:
        """Return what the checks before training find: data, labels, learning rate, layers."""
        return api.preflight(self.plan(will_train=True))

    def run(
        self,
        *,
        progress: Progress | None = None,
        preflight: bool = True,
        dry_run: bool = False,
        fail_fast: bool = False,
    ) -> Self:
        """Train what is not trained yet, and return this study, which then shows the comparison.

        May be interrupted, and goes on when it is called again. `progress` takes the place of the
        bars, lines or, in a notebook, the page that is shown. `preflight` makes the checks before
        training, and raises `UserError` where one says stop. `dry_run` trains two steps of every
        trial on a few images on the CPU, and keeps nothing. `fail_fast` ends the sweep with the
        first trial that fails. Raises `UserError` for an override that cannot be used.
        """
        show: MakeProgress = make_progress if progress is None else lambda: _Given(progress)
        try:
            if dry_run:
                with api.plan_dry_run(self.overrides, self.config_dirs) as tried:
                    self._report = train(tried, show, fail_fast=fail_fast).report
                return self
            planned = self.plan(will_train=True)
            if preflight:
                _refuse_stops(api.preflight(planned, unless_trained=True), show)
            self._report = train(planned, show, fail_fast=fail_fast).report
        except KeyboardInterrupt:
            with show() as shown:
                shown.note("stopped; finished trials are kept. To go on: run() again")
            raise
        return self

    @property
    def report(self) -> Report | None:
        """The report of the last run, or of an earlier process's; None where none has run yet."""
        if self._report is None:
            self._report = api.power(self.overrides, self.config_dirs).report
        return self._report

    def to_frame(self, *, runs: bool = False) -> pd.DataFrame:
        """Return the comparison as a data frame, a row a trial, or with `runs` a row a run.

        Its columns are those of `report.csv` (docs/report.schema.json has them); accuracies are in
        percent, differences in points. Raises `UserError` before the study has run.
        """
        import pandas as pd

        from darkmagic.checklist.report.writers.data import rows_of, runs_of

        report = self.report
        if report is None:
            raise UserError(NO_REPORT)
        frame = pd.DataFrame(runs_of(report) if runs else rows_of(report))
        return frame if runs else frame.set_index("trial")

    def __repr__(self) -> str:
        if self._report is None:
            return f"<Study: {self.command}>"
        return study_text(self._report)

    def _repr_html_(self) -> str:
        return study_html(self.report, self.plan, self.command)


def train(
    planned: PlannedSweep, show: MakeProgress, *, fail_fast: bool = False, detach: bool = False
) -> Finished:
    """Train the rounds of `planned` without checks before, and write the report.

    `show` is called once a round. Rates that are to be picked first are picked before them. With
    `detach` raises `LeftRunning` when the trials are with their workers.
    """
    config = planned.config
    if planned.unpicked:
        with show() as progress:
            planned = api.retune(planned, progress)
    following: PlannedSweep | None = planned
    while following is not None:
        with show() as progress:
            if following is not planned:
                progress.note(f"next round: {count_runs(following.plan.trials)}")
            elif config.baseline_repeats == "auto" and config.seeds > 1:
                progress.note(count_runs(planned.plan.trials))
            outcome = api.sweep(following, progress, fail_fast=fail_fast, detach=detach)
        following = api.next_round(following, outcome.records)
    with show() as progress:
        report, files = api.finish(outcome, progress.note)
    return Finished(outcome, report, files)


class _Given:
    """A progress of the caller's, which goes on from round to round."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def __enter__(self) -> Progress:
        return self._progress

    def __exit__(self, *error: object) -> None:
        """Leave it to its owner."""


def _refuse_stops(findings: Sequence[Finding], show: MakeProgress) -> None:
    """Show what is not ok. Raises `UserError` where a check says stop."""
    stops = [finding for finding in findings if finding.level is api.Level.STOP]
    if stops:
        raise UserError(
            f"nothing was trained: {' | '.join(map(_line, stops))} (to train all the same: "
            "preflight=False)"
        )
    doubts = [finding for finding in findings if finding.level is not api.Level.OK or finding.tell]
    if doubts:
        with show() as progress:
            for finding in doubts:
                progress.note(f"{finding.level} {_line(finding)}")


def _line(finding: Finding) -> str:
    advice = f"; {finding.advice}" if finding.advice else ""
    return f"{finding.check}: {finding.message}{advice}"
