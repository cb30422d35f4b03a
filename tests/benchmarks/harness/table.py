"""A benchmark's rows: a figure of ours, the same of a peer, their ratio and the goal."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.machine import machine
from harness.turns import Measured, ratio

__all__ = [
    "GPU_RESULTS",
    "RESULTS",
    "Row",
    "arguments",
    "compared",
    "figure",
    "limited",
    "publish",
    "unmeasured",
]

RESULTS = Path(__file__).resolve().parents[1] / "results"
GPU_RESULTS = RESULTS / "gpu"
"""What a machine with a GPU measured, by the same names."""


@dataclass(frozen=True)
class Row:
    """One line. `value` is what the goal is about; `low` and `high` its lowest and highest turn.

    The goal is to be `at_least` or `at_most` a number, or one `in_words`, and then `held` says
    whether it was reached; a row may have none. `value` is None where nothing was measured, and
    then `note` says why.
    """

    what: str
    peer: str
    unit: str
    ours: float | None = None
    theirs: float | None = None
    value: float | None = None
    low: float | None = None
    high: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    in_words: str = ""
    held: bool | None = None
    note: str = ""
    equal_work: Mapping[str, Any] = field(default_factory=dict)

    @property
    def goal(self) -> str:
        """The goal in words; empty where there is none."""
        if self.at_least is not None:
            return f"at least {self.at_least:g} times"
        return self.in_words if self.at_most is None else f"at most {self.at_most:g}"

    def reached(self, slack: float = 1.0) -> bool | None:
        """Return whether the goal, made `slack` times easier, was reached.

        None where there is no goal or no figure.
        """
        if self.value is None or not self.goal:
            return None
        if self.at_least is not None:
            return self.value >= self.at_least / slack
        return self.held if self.at_most is None else self.value <= self.at_most * slack


def compared(
    what: str,
    peer: str,
    unit: str,
    ours: Measured,
    theirs: Measured,
    *,
    at_least: float | None,
    rate: bool = True,
    note: str = "",
    equal_work: Mapping[str, Any] | None = None,
) -> Row:
    """Return the row of a comparison: ours is to be `at_least` times as fast as the peer.

    `rate` says that more is better; seconds are turned round.
    """
    ratios = ratio(ours, theirs) if rate else ratio(theirs, ours)
    low, high = ratios.spread
    return Row(
        what=what,
        peer=peer,
        unit=unit,
        ours=ours.median,
        theirs=theirs.median,
        value=ratios.median,
        low=low,
        high=high,
        at_least=at_least,
        note=note,
        equal_work=equal_work or {},
    )


def limited(
    what: str, unit: str, ours: Measured, *, at_most: float | None, peer: str = "", note: str = ""
) -> Row:
    """Return the row of a figure that is to be no more than `at_most`."""
    low, high = ours.spread
    return Row(
        what=what,
        peer=peer,
        unit=unit,
        ours=ours.median,
        value=ours.median,
        low=low,
        high=high,
        at_most=at_most,
        note=note,
    )


def unmeasured(
    what: str,
    peer: str,
    unit: str,
    *,
    why: str,
    at_least: float | None = None,
    at_most: float | None = None,
    in_words: str = "",
) -> Row:
    """Return the row of what could not be measured here."""
    note = f"not measured: {why}"
    return Row(what, peer, unit, at_least=at_least, at_most=at_most, in_words=in_words, note=note)


def arguments(description: str | None, *, repeats: int = 5) -> argparse.ArgumentParser:
    """Return a parser with the options that every benchmark has."""
    parser = argparse.ArgumentParser(description=(description or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=repeats, help="turns of each side")
    parser.add_argument("--json", action="store_true", help="print JSON in place of a table")
    parser.add_argument(
        "--results", action="store_true", help="write the JSON to tests/benchmarks/results too"
    )
    return parser


def publish(
    name: str, rows: Sequence[Row], versions: Mapping[str, str], options: argparse.Namespace
) -> None:
    """Print `rows` as `options` ask for, and write them down under `name`."""
    result: dict[str, Any] = {
        "benchmark": name,
        "machine": machine(),
        "versions": dict(sorted(versions.items())),
        "repeats": options.repeats,
        "rows": [asdict(row) for row in rows],
    }
    text = json.dumps(result, indent=2) + "\n"
    if options.results:
        folder = GPU_RESULTS if result["machine"]["gpu"] else RESULTS
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.json").write_text(text)
    if options.json:
        print(text, end="")
    else:
        Console().print(_table(name, rows))


def _table(name: str, rows: Sequence[Row]) -> Table:
    table = Table(title=name, title_justify="left")
    for heading in ("what", "peer", "unit"):
        table.add_column(heading, overflow="fold")
    for heading in ("ours", "peer's", "value", "turns"):
        table.add_column(heading, justify="right")
    table.add_column("goal")
    table.add_column("", overflow="fold")
    for row in rows:
        turns = "" if row.low is None else f"{row.low:.3g} to {row.high:.3g}"
        reached = {True: "reached", False: "missed", None: ""}[row.reached()]
        table.add_row(
            row.what,
            row.peer,
            row.unit,
            *(figure(value) for value in (row.ours, row.theirs, row.value)),
            turns,
            row.goal,
            " ".join(part for part in (reached, row.note) if part),
        )
    return table


def figure(value: float | None) -> str:
    """Return three digits, or whole numbers with commas from 1,000 on; nothing for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
