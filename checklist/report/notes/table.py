"""The notes below the table, which a reader needs to interpret it correctly."""

from __future__ import annotations

from collections.abc import Iterator

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict, failures
from darkmagic.checklist.planning.power import best_of_chance
from darkmagic.checklist.report.formatting import count_of
from darkmagic.checklist.report.notes.alike import alike_notes
from darkmagic.checklist.report.notes.noise import noise_notes
from darkmagic.checklist.report.notes.rates import rate_notes
from darkmagic.checklist.report.notes.training import length_note, training_notes
from darkmagic.checklist.report.screened import screen_notes
from darkmagic.checklist.stats.alpha_spending import ALPHA, share_of_look

__all__ = ["endings", "table_notes"]

ASSUMED_SPREAD = 0.2
WITHOUT_RESULT = (
    *(Verdict.FAILED, Verdict.STOPPED, Verdict.SKIPPED, Verdict.NOT_APPLICABLE),
    Verdict.INERT,
)


def table_notes(
    comparison: Comparison, *, epochs: int | None = None, ours: bool = True
) -> list[str]:
    """Return the notes, most important first. `epochs` is how long the trials trained.

    `ours` is False of runs that were made elsewhere.
    """
    return [
        *_state(comparison),
        *_estimand(comparison, ours=ours),
        *noise_notes(comparison, ours=ours),
        *_rows(comparison),
        *alike_notes(comparison),
        *rate_notes(comparison),
        *training_notes(comparison),
        *(length_note(comparison, epochs) if _compares(comparison) else ()),
    ]


def endings(comparison: Comparison) -> list[str]:
    """Return why runs of each row have no result, where there are such."""
    rows = comparison.rows
    return [_ended(row) for row in rows if row.verdict in WITHOUT_RESULT or failures(row.statuses)]


def _ended(row: Row) -> str:
    text, kind = row.verdict_text, row.reason.partition(":")[0]
    if text.endswith(f": {row.reason}"):
        return f"{row.name}: {text}."
    if kind != row.reason:  # the reason in brackets begins with it
        text = text.removesuffix(f": {kind}")
    return f"{row.name}: {text}" + (f" ({row.reason})" if row.reason else "") + "."


def _state(comparison: Comparison) -> Iterator[str]:
    baseline = comparison.baseline
    if comparison.waiting:
        until = "verdicts come with the last"
        if comparison.look:
            until = f"the verdicts are those of look {comparison.look}"
        yield f"{count_of(comparison.waiting, 'run')} of this look have not ended: {until}."
    if comparison.screen and not baseline.accuracies:
        yield "The baseline itself has no result: its level is known from the other runs alone."
    elif not baseline.accuracies and not comparison.waiting:
        yield f"The baseline has no result ({baseline.reason}): there is nothing to compare with."
    elif failures(baseline.statuses):
        yield f"The {baseline.verdict_text}."
    if comparison.having(Verdict.STOPPED):
        yield (
            "Runs that were hopeless beside the baseline's curve were stopped (futility=). A row "
            "with one is not judged, whatever its other seeds gave, and counts among the tests."
        )


def _estimand(comparison: Comparison, *, ours: bool) -> Iterator[str]:
    if not _compares(comparison):
        return
    yield _what_differs(comparison) if ours else _what_differs_elsewhere(comparison)
    if comparison.screen:
        yield from screen_notes(comparison, comparison.screen, ours=ours)
    if comparison.effects.spread is None:
        yield from _without_error_bars(comparison)
        return
    share = share_of_look(max(comparison.look, 1))
    looks = f", look {comparison.look}" if comparison.look > 1 else ""
    yield (
        "A row is called better or worse where luck alone would hardly ever make any row of such "
        "a table look so good or so bad; the p value says how often. It and the interval are "
        f"adjusted for {count_of(len(comparison.tricks), 'test')} together (step-down max-t), with "
        f"{100 * share:.0f} % of the {100 * ALPHA:.0f} % error rate spent on this look{looks} and "
        "the rest kept for more seeds. Where runs spread alike, at most 5 of 100 such tables make "
        "any false claim; docs/statistics.md says where more do."
    )
    if comparison.rules.race:
        yield (
            "The runs were spent by rounds on what looked likeliest to help. Rows that looked bad "
            "were left early, so no row is called worse here, only better or undecided."
        )
    if any(row.outlook for row in comparison.tricks):
        yield (
            "Expected gain and the chance to help are estimates, not proofs: what is left of a "
            "difference when the luck that all rows show is taken off."
        )
    if comparison.screen is None and any(_is_paired(row, comparison) for row in comparison.tricks):
        yield (
            "Differences are between runs of the same seeds: where rows have other numbers of "
            "runs they are not the difference of the means in the table."
        )


def _what_differs(comparison: Comparison) -> str:
    overlap = comparison.rules.overlap
    images = f" of {comparison.images:,} images" if comparison.images and not overlap else ""
    holds = "They hold for this validation set"
    if overlap:
        holds = (
            f"Each seed validates on one of {round(1 + 1 / overlap)} folds, so they hold for other "
            "images of the kind too; their errors allow for training sets that overlap"
        )
    changed = (
        "averaged over the options of the other tricks"
        if comparison.screen
        else "one trick changed at a time at baseline settings"
    )
    if comparison.metric.is_duration:
        return (
            f"Differences are in {comparison.metric.phrase}, {changed}{_lower(comparison)}. They "
            "hold for this machine, and for what else it did meanwhile."
        )
    if comparison.metric.taken:
        return (
            f"Differences are in {comparison.metric.phrase}, of the {comparison.metric.taken} "
            f"value that each run gave, {changed}{_lower(comparison)}. They hold for the data that "
            "the script measured it on; where that is its test set, what is chosen here was chosen "
            "on the test set."
        )
    return (
        f"Differences are in {comparison.metric.phrase}{images} after the last epoch, "
        f"{changed}{_lower(comparison)}. {holds}; the test set was not touched."
    )


def _what_differs_elsewhere(comparison: Comparison) -> str:
    return (
        f"Differences from the baseline are in {comparison.metric.phrase}{_lower(comparison)}. The "
        "runs were made elsewhere: whatever differs between two trials, besides what their names "
        "say, is part of their difference."
    )


def _lower(comparison: Comparison) -> str:
    return "" if comparison.metric.sign > 0 else "; lower is better"


def _compares(comparison: Comparison) -> bool:
    """Whether there is a trick and a baseline to compare, or there may be one yet."""
    tricks = any(row.accuracies for row in comparison.tricks)
    return bool(comparison.waiting or (tricks and comparison.baseline.accuracies))


def _is_paired(row: Row, comparison: Comparison) -> bool:
    """Return whether the row's difference is another than that of the means shown."""
    baseline, visible = comparison.baseline, 10.0**-comparison.metric.decimals
    if row.difference is None or row.accuracy is None or baseline.accuracy is None:
        return False
    return abs(row.accuracy - baseline.accuracy - row.difference) >= visible


def _without_error_bars(comparison: Comparison) -> Iterator[str]:
    if comparison.screen:
        return
    trials = sum(bool(row.accuracies) for row in comparison.tricks)
    if not trials or not comparison.baseline.accuracies or comparison.seeds > 1:
        return
    if not comparison.metric.is_accuracy:
        yield (
            "One run a trial has no error bar, so there are no verdicts here: a row that is not "
            "tested cannot be told from luck."
        )
        return
    largest, chance = best_of_chance(trials, ASSUMED_SPREAD, 0.3)
    yield (
        f"One run a trick has no error bar: with a spread of {ASSUMED_SPREAD} points, "
        f"{count_of(trials, 'useless trick')} would show a best difference of {largest:+.2f} on "
        f"average, and at least +0.3 in {100 * chance:.0f} tables of 100. So there are no "
        "verdicts here: a row that is not tested was trained, and cannot be told from luck."
    )


def _rows(comparison: Comparison) -> Iterator[str]:
    for row in comparison.rows:
        if row.collapse:
            yield f"{row.name}: {row.collapse.text(comparison.metric)}."
    for row in comparison.tricks:
        text = _about(row)
        if text:
            yield text
        yield from _looks(comparison, row)
        if row.unstable:
            yield (
                f"{row.name} is unstable: its seeds spread by "
                f"{comparison.metric.amount(row.spread or 0.0)}, far wider "
                "than the other trials', so it is judged by its own spread alone."
            )
        if row.pretrained_share is not None and row.pretrained_share < 1:
            yield (
                f"{row.name} uses {100 * row.pretrained_share:.0f} % of the pretrained tensors; "
                "the rest did not fit or were edited away."
            )


def _about(row: Row) -> str | None:
    if row.verdict in WITHOUT_RESULT:
        return _ended(row)
    return None


def _looks(comparison: Comparison, row: Row) -> Iterator[str]:
    """Say where a row is not what the last look alone would make it."""
    if row.contradicts and row.difference is not None:
        called = "worse" if comparison.metric.gain(row.difference) > 0 else "better"
        yield (
            f"{row.name}: look {row.contradicts} called it {called}, and with the seeds since then "
            f"its difference is {comparison.metric.difference(row.difference)}: that claim is "
            "withdrawn."
        )
    elif row.look < comparison.look and row.verdict in (Verdict.BETTER, Verdict.WORSE):
        yield (
            f"{row.name} was decided at look {row.look}: its difference, interval and p value are "
            "of that look."
        )
