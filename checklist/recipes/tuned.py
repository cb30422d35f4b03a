"""An option with numbers of its own: what a part of a recipe is where numbers were tuned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from darkmagic.checklist.model import Trial

__all__ = ["TunedOption", "tuned_in"]


@dataclass(frozen=True)
class TunedOption:
    """`option`, with the `numbers`, by field, that are not those of its file.

    >>> TunedOption("on", {"alpha": 0.31}).label, TunedOption("on").label
    ('on (alpha 0.31)', 'on')
    """

    option: str
    numbers: Mapping[str, float] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What it is called: no option's own name where it has numbers."""
        listed = ", ".join(f"{name} {value:.3g}" for name, value in self.numbers.items())
        return f"{self.option} ({listed})" if listed else self.option

    def overrides(self, trick: str) -> tuple[str, ...]:
        """Return the overrides of its numbers, exact to the last digit.

        >>> TunedOption("on", {"alpha": 0.31}).overrides("mixup")
        ('tricks.mixup.alpha=0.31',)
        """
        return tuple(f"tricks.{trick}.{name}={value!r}" for name, value in self.numbers.items())


def tuned_in(trial: Trial, tuned: Mapping[str, TunedOption]) -> dict[str, TunedOption]:
    """Return those of `tuned`, by trick, that `trial` has: whose labels are among its choices.

    >>> mixup = TunedOption("on", {"alpha": 0.31})
    >>> has = Trial(None, None, "", 0, {"mixup": "on (alpha 0.31)"})
    >>> tuned_in(has, {"mixup": mixup}) == {"mixup": mixup}
    True
    >>> tuned_in(Trial(None, None, "", 0, {"mixup": "on"}), {"mixup": mixup})
    {}
    """
    return {trick: each for trick, each in tuned.items() if trial.choices.get(trick) == each.label}
