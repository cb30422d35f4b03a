"""Records of a screen as rows a trick and option, each with all the runs that have it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from darkmagic.checklist.designs.findings import MIN_CHECKING_DF, SUSPICIOUS
from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.model import BASELINE, RATE_TRICK, SCREEN, Checklist, rate_partners
from darkmagic.checklist.plan import baseline_choices
from darkmagic.checklist.records import ENDED, Status, TrialRecord

if TYPE_CHECKING:
    from darkmagic.checklist.designs.aliases import Alias, Suspect
    from darkmagic.checklist.designs.crossed.pairs import Cells
    from darkmagic.checklist.designs.crossed.prediction import Prediction
    from darkmagic.checklist.designs.fit import Array, Mixed, ScreenFit
    from darkmagic.checklist.stats.effects import Effects

__all__ = ["Screened", "is_screen"]

Choice = tuple[str, str]


@dataclass(frozen=True)
class Screened:
    """The records of a sweep that has a screen's trials among them, with the options compared.

    Trials that change one trick, and the baseline, are trials of the screen as the others are.
    """

    records: tuple[TrialRecord, ...]
    options: tuple[Choice, ...]
    sections: Mapping[str, str]
    baseline: Mapping[str, str]
    crossed: tuple[tuple[str, str], ...] = ()  # tricks whose combinations are told apart
    since: Mapping[tuple[str, str], int] = field(default_factory=dict)  # the look of each; or 1
    prediction: Prediction | None = field(default=None, compare=False)
    metric: Metric = ACCURACY

    @classmethod
    def of(
        cls,
        checklist: Checklist,
        records: Sequence[TrialRecord],
        metric: Metric = ACCURACY,
        together: Mapping[tuple[str, str], int] | None = None,
    ) -> Screened:
        """Return the screen that `records` of `checklist` are; options that none has are left out.

        Pairs of tricks in `together` are told apart from the given look on (0: the last, as it is
        not known), and optimizers with the rate are.

        Records of tricks or options that the checklist does not name are left out too.
        """
        baseline = baseline_choices(checklist)
        known = {trick.name: set(trick.options) for trick in checklist.tricks}
        every = []
        for record in records:
            own = {} if record.trick in (None, SCREEN) else {str(record.trick): str(record.option)}
            choices = {**baseline, **record.choices, **own}
            if all(o in known.get(t, ()) for t, o in choices.items()):
                every.append(dataclasses.replace(record, choices=choices))
        had = {choice for record in every for choice in record.choices.items()}
        options = [(t.name, o) for t in checklist.tricks for o in t.options[1:]]
        last = max((record.look for record in every), default=1)
        since = {p: look or last for p, look in (together or {}).items() if set(p) <= known.keys()}
        return cls(
            records=tuple(every),
            options=tuple(choice for choice in options if choice in had),
            sections={trick.name: trick.section for trick in checklist.tricks},
            baseline=baseline,
            metric=metric,
            crossed=(*((trick, RATE_TRICK) for trick in rate_partners(checklist)), *since),
            since=since,
        )

    @cached_property
    def groups(self) -> dict[str, list[TrialRecord]]:
        """The records of every row by name, the baseline's own first.

        A run counts in several rows, so it has its number in place of its seed. Runs without a
        result are missing from a row, which has others; a row that has none has all of them.
        """
        baseline = [record for record in self.records if record.trick is None]
        return {
            BASELINE: _shown(baseline),
            **{f"{t}={o}": self._having(t, o) for t, o in self.options},
        }

    def _having(self, trick: str, option: str) -> list[TrialRecord]:
        chosen = [
            dataclasses.replace(
                record,
                trick=trick,
                option=option,
                section=self.sections[trick],
                seed=number,
                correct=None,  # of other images' luck nothing is known where nothing is paired
                training_notes=(),
            )
            for number, record in enumerate(self.records)
            if record.choices[trick] == option
        ]
        return _shown(chosen)

    @property
    def missing(self) -> list[TrialRecord]:
        """The runs that ended without a result."""
        return [r for r in self.records if r.status in ENDED and r.status is not Status.FINISHED]

    def runs(self, look: int | None) -> list[Mixed]:
        """Return the finished runs up to `look`, more of whose value is better; all if None."""
        from darkmagic.checklist.designs.fit import Mixed

        return [
            Mixed(record.name, record.choices, record.seed, self.metric.gain(result))
            for record in self.records
            if (result := record.result(self.metric)) is not None
            if look is None or record.look <= look
        ]

    def effects(self, look: int | None, resolution: float | None) -> Effects:
        """Return the average effect of every option at `look`, in the order of the rows.

        A pair is in the model from its look on: what an earlier one showed stays as it was, before
        there were runs to tell the pair apart.
        """
        from darkmagic.checklist.designs.crossed.rates import row_weights
        from darkmagic.checklist.designs.fit import estimate_screen

        def weights(fit: ScreenFit) -> Array:
            return row_weights(fit, self.baseline)

        crossed = [p for p in self.crossed if look is None or self.since.get(p, 1) <= look]
        return estimate_screen(self.runs(look), self.options, resolution, weights, crossed)

    @property
    def separated(self) -> list[tuple[str, str]]:
        """The pairs of tricks that have runs of their own to tell them apart."""
        return [pair for pair in self.crossed if RATE_TRICK not in pair]

    @property
    def cells(self) -> Cells:
        """The combinations of each pair of tricks that is proved not to add up."""
        from darkmagic.checklist.designs.crossed.pairs import unequal_cells

        return unequal_cells(self.fit, self.baseline) if self.fit and self.separated else {}

    @cached_property
    def rates(self) -> Mapping[Choice, str]:
        """The rate at which each optimizer is compared; empty where the rate is no trick here."""
        from darkmagic.checklist.designs.crossed.rates import best_rates

        return best_rates(self.fit, self.baseline) if self.fit else {}

    def average_ratios(self, costs: Mapping[str, str]) -> list[dict[str, float | None]]:
        """Return the ratio of every cost to the baseline option's, averaged over other options.

        `costs` map names to fields of `Costs`. In the order of the rows, by least squares over
        logarithms: options that happen to meet costly ones are not charged for them.
        """
        from darkmagic.checklist.designs.fit import log_ratios

        found: list[dict[str, float | None]] = [{} for _ in range(1 + len(self.options))]
        for name, cost in costs.items():
            known = [
                (record, float(value))
                for record in self.records
                if record.status is Status.FINISHED
                and (value := getattr(record.costs, cost)) is not None
            ]
            values = log_ratios(
                [(r.choices, r.seed, value) for r, value in known if value > 0], self.options
            )
            for row, value in zip(found, [1.0 if values else None, *values], strict=False):
                row[name] = value
        return [{name: row.get(name) for name in costs} for row in found]

    @cached_property
    def fit(self) -> ScreenFit | None:
        """The model of all finished runs; None without any."""
        from darkmagic.checklist.designs.fit import fit_screen

        runs = self.runs(None)
        return fit_screen(runs, self.options, self.crossed) if runs else None

    def best_seen(self) -> dict[str, str]:
        """Return the options of the recipe with the highest accuracy that were changed in it.

        Its runs' mean, where it has several; empty for the baseline, and without a result.
        """
        found: dict[tuple[Choice, ...], list[float]] = {}
        for run in self.runs(None):
            found.setdefault(tuple(run.choices.items()), []).append(run.accuracy)
        best = max(found, key=lambda recipe: sum(found[recipe]) / len(found[recipe]), default=())
        return {trick: option for trick, option in best if option != self.baseline[trick]}

    @cached_property
    def suspect(self) -> Suspect | None:
        """The pair of tricks that the residuals point to most."""
        from darkmagic.checklist.designs.aliases import suspected_pair

        return suspected_pair(self.fit) if self.fit else None

    @cached_property
    def aliases(self) -> list[Alias]:
        """What each option's effect is most aliased with."""
        from darkmagic.checklist.designs.aliases import aliases

        return aliases(self.fit) if self.fit else []

    @cached_property
    def outlier(self) -> tuple[str, float] | None:
        """The run that is far from what its options add up to, and by how much it is better.

        By the externally studentised residual, adjusted for the number of runs. None where too few
        degrees of freedom tell how far runs are off by luck.
        """
        import numpy as np
        from scipy.special import stdtr

        fit = self.fit
        if fit is None or fit.df - 1 < MIN_CHECKING_DF:
            return None
        leverages = np.clip(np.einsum("ij,jk,ik->i", fit.x, fit.inverse, fit.x), 0, 1)
        rest = np.where(leverages < 1 - 1e-9, 1 - leverages, np.inf)
        left = float(fit.residuals @ fit.residuals) - fit.residuals**2 / rest
        scale = np.sqrt(np.maximum(left, fit.precision**2) / (fit.df - 1) * rest)
        ratios = np.abs(fit.residuals) / scale
        worst = int(np.argmax(ratios))
        if 2 * len(ratios) * float(stdtr(fit.df - 1, -ratios[worst])) >= SUSPICIOUS:
            return None
        return fit.runs[worst].name, float(fit.residuals[worst] / rest[worst])


def is_screen(records: Sequence[TrialRecord]) -> bool:
    """Whether trials that mix the options of several tricks are among `records`."""
    return any(record.trick == SCREEN for record in records)


def _shown(records: Sequence[TrialRecord]) -> list[TrialRecord]:
    """Return those that finished; all if none did."""
    return [record for record in records if record.status is Status.FINISHED] or list(records)
