"""Notes on how far runs spread: by luck alone, or in a screen by what does not add up too."""

from __future__ import annotations

from collections.abc import Iterator

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.designs.table import Screened
from darkmagic.checklist.planning.power import Setting, half_width

__all__ = ["noise_notes"]


def noise_notes(comparison: Comparison, *, ours: bool) -> Iterator[str]:
    """Yield how far runs spread, and what that is of; nothing where it is not known.

    `ours` is False of runs that were made elsewhere, of which no option of ours calms any.
    """
    effects = comparison.effects
    if effects.spread is None:
        return
    if comparison.screen is not None:
        yield _off_the_sum(comparison.metric.amount(effects.spread), comparison.screen, effects.df)
        return
    text = (
        f"Runs spread by {comparison.metric.amount(effects.spread)}: so much the same recipe "
        f"typically moves with its seed alone ({effects.df} degrees of freedom)"
    )
    if effects.seed_correlation is not None:
        text += f"; runs of one seed correlate by {effects.seed_correlation:.2f}"
    if effects.prior_df != float("inf"):
        text += (
            "; the trials spread differently, so each is judged by its own spread too "
            f"(worth {effects.prior_df:.0f} degrees of freedom from the others)"
        )
    yield text + "."
    if comparison.seeds == 1 and comparison.baseline_runs > 1:
        setting = Setting(max(len(comparison.tricks), 1), 1, comparison.baseline_runs)
        width = half_width(setting, effects.spread)
        yield (
            f"The spread comes from {comparison.baseline_runs} runs of the baseline alone and is "
            f"taken for every trick's: intervals are +-{comparison.metric.amount(width or 0.0)}."
        )
    if effects.baseline_unstable:
        calm = " A lower lr, a longer warm-up or trick/gradient_clipping=on may calm it."
        yield (
            "The baseline itself is unstable: its seeds spread far wider than the tricks', which "
            f"is in every difference.{calm if ours else ''}"
        )


def _off_the_sum(amount: str, screen: Screened, df: float) -> str:
    """Say what the spread of a screen's runs is, whose recipes differ."""
    runs = screen.runs(None)
    repeated = len({tuple(sorted(run.choices.items())) for run in runs}) < len(runs)
    apart = (
        "Intervals allow for both"
        if repeated
        else "As no recipe was repeated, the two cannot be told apart; intervals allow for both"
    )
    return (
        f"Runs are {amount} off what their options add up to (standard deviation, {df} degrees of "
        "freedom): that is luck, as with another seed, and whatever options do together beyond "
        f"their sum. {apart}."
    )
