"""The end of a sweep: its report is written, attached to its run, and tagged on each trial's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.write import write_files
from darkmagic.sweeps.orchestrate.page.images import add_images
from darkmagic.sweeps.orchestrate.report import make_report
from darkmagic.sweeps.orchestrate.sweep import SweepOutcome
from darkmagic.sweeps.slow import said_if_slow
from darkmagic.sweeps.track.cards import CARDS, IMAGES, read_json
from darkmagic.sweeps.track.kept.read import keep_answers
from darkmagic.sweeps.track.schema.tags import LOOKS, VERDICT
from darkmagic.sweeps.track.snapshot import Snapshot, take_snapshot
from darkmagic.sweeps.track.store import open_client
from darkmagic.trainers.errors import short_message

__all__ = ["finish"]


SLOW = "MLflow is slow: reading the runs back for the report, and sending it"


def finish(
    outcome: SweepOutcome, say: Callable[[str], None] = lambda _: None
) -> tuple[Report, list[Path]]:
    """Write the report of a sweep into its folder and attach it to its run; return both.

    It is made from MLflow, so that everyone who can read that gets the same. If MLflow is away
    it is made from the trials' directories, and the next run of the sweep attaches it. Where the
    folder cannot be written to there are no paths. `say` is told where MLflow takes long.
    """
    with said_if_slow(say, SLOW):
        return _finish(outcome, say)


def _finish(outcome: SweepOutcome, say: Callable[[str], None]) -> tuple[Report, list[Path]]:
    sent = outcome.tracker.flush()
    snapshot = _snapshot(outcome, sent=sent)
    images, file = add_images(
        outcome.baseline, snapshot.records, snapshot.images, outcome.folder, say
    )
    report = make_report(replace(snapshot, images=images))
    try:
        paths = write_files(report, outcome.folder)
    except OSError:  # a full disk: the caller sees that there are none
        paths = []
    tracker, parent = outcome.tracker, outcome.parent
    parent.files += [*paths, *([file] if file else [])]
    if report.comparison.look > outcome.looks:
        parent.set_tags({LOOKS: str(report.comparison.look)})
    _annotate(outcome, snapshot, report.comparison.rows)
    if sent and tracker.flush() and not parent.is_gone:
        _keep(outcome)
    return report, paths


def _keep(outcome: SweepOutcome) -> None:
    """Leave beside the store what a report asks of it, for `darkmagic report` to start fast."""
    try:
        keep_answers(outcome.uri, outcome.experiment, runs=len(outcome.records))
    except Exception as error:  # noqa: BLE001 (whatever the store raises, MLflow is asked later)
        outcome.tracker.problem = short_message(error)


def _snapshot(outcome: SweepOutcome, *, sent: bool) -> Snapshot:
    if sent and not outcome.parent.is_gone:
        try:
            client = open_client(outcome.uri)
            parent = client.get_run(outcome.parent.run_id)
            return take_snapshot(client, parent, curves=True)
        except Exception as error:  # noqa: BLE001 (whatever the store raises, there is a report)
            outcome.tracker.problem = short_message(error)
    return Snapshot(
        experiment=outcome.experiment,
        tags=outcome.tags,
        records=outcome.records,
        run_tags={},
        cards=read_json(outcome.folder / CARDS),
        images=read_json(outcome.folder / IMAGES),
    )


def _annotate(outcome: SweepOutcome, snapshot: Snapshot, rows: Sequence[Row]) -> None:
    """Tag every run with the verdict of its row, unless it has that tag already."""
    by_name = {row.name: row for row in rows}
    for record in snapshot.records:
        row = by_name.get(record.name)
        if row is None or not record.run_id:
            continue
        verdict = (
            row.verdict_text
            if row.difference is None
            else f"{row.verdict_text} ({row.difference:+.4f})"
        )
        if snapshot.run_tags.get(record.run_id, {}).get(VERDICT) == verdict:
            continue
        run = outcome.tracker.follow(record.run_id)
        run.set_tags({VERDICT: verdict})
        run.add_metrics(dict(_figures(row)), when=time.time(), step=0)


def _figures(row: Row) -> Iterator[tuple[str, float]]:
    if row.difference is not None:
        yield "verdict.difference", row.difference
    if row.interval is not None:
        yield "verdict.low", row.interval.low
        yield "verdict.high", row.interval.high
    if row.p_value is not None:
        yield "verdict.p_value", row.p_value
