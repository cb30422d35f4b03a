"""The figure that decides: its name, its unit, and which way is better."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from darkmagic.checklist.errors import UserError, nearest

__all__ = ["ACCURACY", "Direction", "Metric"]

MAX_DECIMALS = 6
"""Numbers that need more are written as powers of ten."""


PLURALS = ("points", "nats", "bits", "seconds", "minutes", "hours", "pixels", "images", "runs")
"""Units that are words, of which there is one in the singular."""


class Direction(StrEnum):
    """Which way a metric is better.

    >>> Direction.parse("min") is Direction.MIN
    True
    """

    MAX = "max"
    MIN = "min"

    @classmethod
    def parse(cls, text: str) -> Direction:
        """Return the direction called `text`; raise `UserError` for another word.

        `maximize`, `higher`, `lower` and the like are understood too.
        """
        word = text.strip().lower()
        for direction, words in _WORDS.items():
            if word in words:
                return direction
        raise UserError(f"no direction {text!r}; " + nearest(word, ["max", "min"]))


_WORDS = {
    Direction.MAX: ("max", "maximize", "maximise", "maximum", "higher", "up"),
    Direction.MIN: ("min", "minimize", "minimise", "minimum", "lower", "down"),
}


@dataclass(frozen=True)
class Metric:
    """A metric that trials are compared by.

    `unit` is how its values are counted, such as `%`, `s` or `bits per byte`, empty for a plain
    number. A record's value times `scale` is in that unit: 100 makes percent of a share.
    `short` is its name in the head of a column, `name` where empty; `decimals` are those shown.
    `step` is what values in the unit are multiples of, 0 if they are continuous: runs that happen
    to agree still spread by its rounding. That of accuracy follows from the number of images.
    `taken` is `last` or `best` where a script of the user's gives it, whose data only they know.

    >>> loss = Metric("val_loss", direction=Direction.MIN, decimals=3)
    >>> loss.head, loss.value(0.21), loss.difference(-0.0104), loss.gain(-0.0104)
    ('val_loss', '0.210', '-0.010', 0.0104)
    >>> ACCURACY.head, ACCURACY.amount(0.1), ACCURACY.phrase
    ('val %', '0.10 points', 'points of validation accuracy')
    >>> loss.gained(0.0104), ACCURACY.gained(-0.1), loss.change(0.0104), loss.span(-0.01, 0.02)
    ('changes val_loss by -0.010', 'gains -0.10 points', '-0.010', '-0.020 to +0.010')
    """

    name: str
    unit: str = ""
    direction: Direction = Direction.MAX
    scale: float = 1.0
    decimals: int = 2
    short: str = ""
    step: float = 0.0
    taken: str = ""

    @property
    def sign(self) -> int:
        """1 if higher is better, -1 if lower is: a difference times it is a gain."""
        return 1 if self.direction is Direction.MAX else -1

    def gain(self, difference: float) -> float:
        """Return a difference as a gain, above 0 where it is better; and a gain as a difference."""
        return self.sign * difference + 0.0  # never -0.0

    @property
    def is_accuracy(self) -> bool:
        """Whether it is the share of images that are right: a multiple of one over their number."""
        return self == ACCURACY

    @property
    def is_duration(self) -> bool:
        """Whether it is how long a run takes, which every command has: no figure of an epoch.

        >>> Metric("seconds", unit="s", direction=Direction.MIN).phrase
        'seconds of a whole run'
        """
        return (self.name, self.unit) == ("seconds", "s")

    @property
    def head(self) -> str:
        """What stands above a column of its values."""
        return " ".join(part for part in (self.short or self.name, self.unit) if part)

    @property
    def points(self) -> str:
        """The unit of a difference: `points` of a percentage, else the metric's own."""
        return "points" if self.unit == "%" else self.unit

    @property
    def phrase(self) -> str:
        """What differences are in: `points of validation accuracy`, `val_loss`."""
        if self.is_duration:
            return "seconds of a whole run"
        return f"{self.points} of {self.name}" if self.points else self.name

    def value(self, value: float | None) -> str:
        """Return a value, in the unit, as text without the unit; empty for None."""
        return "" if value is None else self._number(value)

    def difference(self, value: float | None) -> str:
        """Return a difference with its sign; empty for None."""
        return "" if value is None else self._number(value, sign="+")

    def amount(self, value: float, *, sign: bool = False) -> str:
        """Return a difference or a spread with the unit of differences."""
        text = self._number(value, sign="+" if sign else "")
        return f"{text} {self.points}" if self.points else text

    def change(self, gain: float | None) -> str:
        """Return a gain as the difference of values that it is, with its sign; empty for None."""
        return "" if gain is None else self.difference(self.gain(gain))

    def span(self, low: float, high: float) -> str:
        """Return an interval of gains as one of differences."""
        return " to ".join(map(self.difference, sorted((self.gain(low), self.gain(high)))))

    def gained(self, gain: float) -> str:
        """Return what comes of a gain in words: of what is minimised, by how much it changes."""
        amount = self.amount(self.gain(gain), sign=True)
        if self.sign > 0:
            return f"gains {amount}"
        return f"changes {self.name.removeprefix('validation ')} by {amount}"

    @property
    def better(self) -> str:
        """What a reader of its differences must be told: empty where more is better, as usual."""
        return "" if self.sign > 0 else "lower is better"

    def told(self, interval: tuple[float, float] | None) -> str:
        """Return what stands in brackets behind a gain: its interval, and which way is better."""
        return "; ".join(filter(None, (interval and self.span(*interval), self.better)))

    def given(self, value: float) -> str:
        """Return a difference as a person gave it, with the unit of differences.

        >>> ACCURACY.given(1), ACCURACY.given(0.5), Metric("loss", unit="nats").given(1)
        ('1 point', '0.5 points', '1 nat')
        """
        first, *rest = self.points.split(" ")
        if abs(value) == 1 and first in PLURALS:
            first = first.removesuffix("s")
        return " ".join([f"{value:g}", *filter(None, (first, *rest))])

    def about(self, value: float) -> str:
        """Return a size to plan with, whose decimals no runs have told yet, with its unit."""
        if self.unit == "%":
            return self.amount(value)
        return self.given(float(f"{value:.3g}"))

    def _number(self, value: float, sign: str = "") -> str:
        if self.decimals > MAX_DECIMALS:
            return f"{value:{sign}.3g}"
        return f"{round(value, self.decimals) + 0.0:{sign}.{max(self.decimals, 0)}f}"  # never -0.00

    def to_dict(self) -> dict[str, Any]:
        """Return its fields, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Metric:
        """Return the metric that `to_dict` gave."""
        return cls(**{**fields, "direction": Direction(fields.get("direction", Direction.MAX))})


ACCURACY = Metric("validation accuracy", unit="%", scale=100.0, short="val")
"""The share of validation images that are right, in percent: what decides by default."""
