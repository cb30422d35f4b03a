"""What is asked of a table of runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.metric import Direction

__all__ = ["Question"]


@dataclass(frozen=True)
class Question:
    """Columns are named where they are not to be guessed; `none` means that there is none.

    `baseline` is a value of the trial's column, or `column=value` of one or more columns with
    commas between. `count` is a number of runs or a column, of a table of means. `min_effect` is
    the smallest difference that matters, in the unit of the metric.

    >>> Question(baseline="opt=sgd,aug=none").baseline_pairs(["opt", "aug", "acc"])
    [('opt', 'sgd'), ('aug', 'none')]
    """

    metric: str | None = None
    baseline: str | None = None
    trials: Sequence[str] = ()
    seed: str | None = None
    status: str | None = None
    step: str | None = None
    take: str = "last"
    sd: str | None = None
    count: str | int | None = None
    direction: str | None = None
    unit: str | None = None
    min_effect: float = 0.0
    decimal: str | None = None

    def __post_init__(self) -> None:
        if self.decimal not in (None, ".", ","):
            raise UserError(f"--decimal {self.decimal}: it is . or ,")
        if self.take not in ("last", "best"):
            raise UserError(f"--take {self.take}: choose from: last, best")
        number = isinstance(self.min_effect, int | float)
        if not number or not 0 <= self.min_effect < float("inf"):
            said = f"{self.min_effect:g}" if number else repr(self.min_effect)
            raise UserError(f"--min-effect {said}: need a number of 0 or more")
        if self.direction is not None:
            Direction.parse(str(self.direction))
        if str(self.count).lstrip("-").isdecimal() and int(str(self.count)) < 1:
            raise UserError(f"--n {self.count}: need a number of runs of 1 or more")

    def baseline_pairs(self, columns: Sequence[str]) -> list[tuple[str, str]]:
        """Return the `column=value` of the baseline; empty where it is a plain value.

        A value may have an equals sign in it: it is a pair where a column has the name before.
        """
        if self.baseline is None:
            return []
        pairs = [part.partition("=") for part in self.baseline.split(",")]
        lasts = {c.strip().lower() for c in columns}
        lasts |= {c.replace("/", ".").rpartition(".")[2].strip().lower() for c in columns}
        named = [name.strip().lower() in lasts for name, sign, _ in pairs if sign]
        if not named or not all(sign for _, sign, _ in pairs) or not any(named):
            return []
        return [(name.strip(), value.strip()) for name, _, value in pairs]
