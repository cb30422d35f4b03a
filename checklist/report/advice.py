"""The closing paragraph: what to adopt, what to drop, what is open, and what to run next."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.power import seeds_to_settle
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.report.formatting import duration

__all__ = ["Advice", "advise", "winners"]

MAX_NAMES = 5


@dataclass(frozen=True)
class Advice:
    """Plain sentences, and commands with what each is for.

    `alarm` is what a reader must know before the table; where there is one, it is all of it.
    """

    sentences: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    alarm: str = ""


def winners(comparison: Comparison) -> dict[str, str]:
    """Return the best option of each trick that has one better than the baseline's."""
    best: dict[str, Row] = {}
    for row in comparison.having(Verdict.BETTER):
        assert row.trick is not None
        before = best.get(row.trick)
        if before is None or (row.difference or 0) > (before.difference or 0):
            best[row.trick] = row
    return {trick: row.option or "" for trick, row in best.items()}


def advise(
    comparison: Comparison, overrides: Sequence[str], run_seconds: float | None = None
) -> Advice:
    """Return what to do with `comparison`.

    `overrides` are the overrides of the sweep without its number of seeds; `run_seconds` is what
    a run takes, for the cost of more of them.
    """
    sentences: list[str] = []
    steps: list[tuple[str, str]] = []
    if not comparison.look:
        if comparison.waiting:
            steps.append(("Go on with", _command("run", overrides)))
        return Advice(tuple(sentences), tuple(steps))
    alarm = _alarm(comparison)
    if alarm:
        why = ("To find out why", shlex.join(["darkmagic", "preflight", *overrides]))
        return Advice((), (why,), alarm)
    better = comparison.having(Verdict.BETTER)
    worse = comparison.having(Verdict.WORSE)
    same = comparison.having(Verdict.NO_PRACTICAL_DIFFERENCE)
    if better:
        sentences.append(f"Adopt {_list_rows(better)}.")
    if worse:
        sentences.append(f"Keep the baseline's choice instead of {_list_rows(worse)}.")
    if same:
        sentences.append(
            f"Choose freely, by cost or taste: {_list_rows(same)} would change less than "
            f"{comparison.rules.min_effect:g} points."
        )
    if comparison.effects.spread is None and comparison.having(Verdict.NOT_TESTED):
        sentences.append("Nothing is decided: single runs cannot tell a trick from luck.")
        steps.append(
            ("To get error bars", _command("run", [*overrides, "seeds=3", "baseline_repeats=6"]))
        )
    undecided = comparison.having(Verdict.UNDECIDED)
    if undecided:
        sentences.append(_undecided(undecided, better + worse))
        sentences += _to_settle(comparison, undecided, overrides, run_seconds, steps)
    if better:
        steps.append(("To confirm on the test set", _command("confirm", overrides)))
    return Advice(tuple(sentences), tuple(steps))


def _alarm(comparison: Comparison) -> str:
    """Return what makes all of the table worthless; empty if nothing does."""
    found = comparison.unlearnt
    if not any(row.accuracies for row in comparison.rows):
        reason = f" ({comparison.baseline.reason})" if comparison.baseline.reason else ""
        return f"Nothing was trained: no run has a result{reason}."
    if found is None:
        return ""
    images = f" on {found.images:,} images" if found.images else ""
    luck = f", and up to {found.luck:.1f} % may be luck{images}" if found.luck > found.guess else ""
    return (
        f"Nothing was learnt: the best run is {found.best:.1f} % right, where always naming one "
        f"class gives {found.guess:.1f} %{luck}. The table compares nothing, and more seeds "
        "will not help: look at the data, the labels and the learning rate, or train for longer."
    )


def _undecided(rows: Sequence[Row], decided: Sequence[Row]) -> str:
    missed = [row.minimum_detectable for row in rows if row.minimum_detectable is not None]
    many = f"{len(rows)} trials are" if len(rows) > 1 else f"{rows[0].name} is"
    opening = f"{many} undecided" if decided else f"No difference was detected: {many} undecided"
    return f"{opening}; effects below {max(missed):.2f} points could have been missed."


def _to_settle(
    comparison: Comparison,
    rows: Sequence[Row],
    overrides: Sequence[str],
    run_seconds: float | None,
    steps: list[tuple[str, str]],
) -> list[str]:
    """Say what more seeds would settle, and add the command for the fewest that settle any."""
    known = [(seeds_to_settle(row, comparison), row.name) for row in rows]
    needed = sorted((seeds, name) for seeds, name in known if seeds is not None)
    if not needed:
        return ["Not even 100 seeds would settle them: their differences are too small to matter."]
    more = max(1, needed[0][0] - comparison.seeds)
    settled = [name for seeds, name in needed if seeds <= comparison.seeds + more]
    steps.append(
        ("To settle more", _command("run", [*overrides, f"seeds=+{more}", "only=undecided"]))
    )
    runs = more * (len(rows) + 1)
    cost = f"{runs} runs" + (f", about {duration(runs * run_seconds)}" if run_seconds else "")
    what = settled[0] if len(settled) == 1 else f"{len(settled)} of them"
    sentence = f"{more} more {'seed' if more == 1 else 'seeds'} ({cost}) would settle {what}"
    half = needed[(len(needed) - 1) // 2][0] - comparison.seeds
    if half > more:
        sentence += f", {half} more half of those that can be settled"
    return [f"{sentence}, if their effects are what they seem."]


def _list_rows(rows: Iterable[Row]) -> str:
    ordered = sorted(rows, key=lambda row: -abs(row.difference or 0))
    names = [f"{row.name} ({row.difference:+.2f})" for row in ordered[:MAX_NAMES]]
    rest = len(ordered) - MAX_NAMES
    if rest > 0:
        return ", ".join(names) + f" and {rest} more"
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def _command(name: str, overrides: Sequence[str]) -> str:
    return shlex.join(["darkmagic", "checklist", name, *overrides])
