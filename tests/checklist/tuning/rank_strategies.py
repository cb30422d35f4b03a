r"""How much of the gain each strategy finds, where the truth is known.

As a program it writes what docs/designs.md shows of them, and prints it:

    python tests/checklist/tuning/rank_strategies.py --json docs/results/strategies.json
    python tests/checklist/tuning/rank_strategies.py --kinds digits --repeats 100 \
        --json docs/results/strategies_digits.json

Without 128 runs of Optuna's GP, which take hours. What the file has of other strategies and numbers
of runs is kept, so that some can be run alone: `--runs 16 32 64 --strategies GP`.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "designs"))  # whose screens the worlds are of

from strategies import STRATEGIES
from worlds import Bench, make_world

KINDS = ("additive", "dense", "sparse")
MEASURED_KINDS = ("digits",)
BUDGETS = (16, 32, 64, 128)
REPEATS = 25
"""Worlds of each kind, as many as the page's table has."""
SLOW = {"GP": 5}
"""Strategies that take minutes, and by how much fewer worlds they are tried in."""
MOST_OF_SLOW = 64
"""Runs up to which they are tried."""


@dataclass(frozen=True)
class Outcome:
    """Over `worlds`: the `share` of the gain that there is, in percent, with its standard
    `error`; `found`, the share of gains of 0.3 that the recipe has; `worse`, of recipes that are
    worse than the baseline; and the points by which the quoted gain is `too_high`.
    """

    strategy: str
    kind: str
    runs: int
    worlds: int
    share: float
    error: float
    found: float
    worse: float
    too_high: float | None


def evaluate(name: str, kind: str, runs: int, worlds: int, seed: int = 0) -> Outcome:
    """Return how a strategy does over `worlds`, the same for every strategy."""
    shares, found, too_high = [], [], []
    for number in range(worlds):
        world = make_world(kind, np.random.default_rng([seed, number]))
        bench = Bench(world, np.random.default_rng([seed, number, runs]))
        end = STRATEGIES[name](bench, runs)
        assert len(bench.rows) <= runs, f"{name} took {len(bench.rows)} runs of {runs}"
        value = float(world.truth[end.row])
        shares.append(value / world.best)
        helpful = {option for option, gain in world.gains.items() if gain > 0}
        tricks = world.space.checklist.tricks
        has = {(t.name, t.options[level]) for t, level in zip(tricks, end.row, strict=True)}
        best = {t: 0 for t, _ in helpful}
        found.append(len(helpful & has) / len(best))
        if end.quoted is not None:
            too_high.append(end.quoted - value)
    return Outcome(
        name,
        kind,
        runs,
        worlds,
        share=100 * float(np.mean(shares)),
        error=100 * float(np.std(shares)) / np.sqrt(worlds),
        found=100 * float(np.mean(found)),
        worse=100 * float(np.mean(np.array(shares) < 0)),
        too_high=float(np.mean(too_high)) if too_high else None,
    )


def table_row(line: Sequence[Outcome]) -> str:
    """Return the row of the page's table, of one strategy and budget in each kind of world."""
    cells = " | ".join(f"{outcome.share:.0f}" for outcome in line)
    quoted = [outcome.too_high for outcome in line if outcome.too_high is not None]
    worse = float(np.mean([outcome.worse for outcome in line]))
    high = f"{np.mean(quoted):+.2f}" if quoted else ""
    start = f"| {line[0].runs} | {line[0].strategy} | {cells}"
    return f"{start} | {line[0].found:.0f} | {worse:.0f} | {high} |"


def with_kept(outcomes: Sequence[Outcome], file: Path) -> list[Outcome]:
    """Return `outcomes` and what `file` has beside them, in the table's order."""
    before = [Outcome(**each) for each in json.loads(file.read_text())] if file.exists() else []
    found = {(o.runs, o.strategy, o.kind): o for o in (*before, *outcomes)}
    names, kinds = list(STRATEGIES), [*KINDS, *MEASURED_KINDS]
    return sorted(
        found.values(), key=lambda o: (o.runs, names.index(o.strategy), kinds.index(o.kind))
    )


def main() -> None:
    """Print the table of docs/designs.md, line by line as it is simulated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="worlds")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--runs", type=int, nargs="+", default=BUDGETS)
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES), choices=STRATEGIES)
    parser.add_argument("--kinds", nargs="+", default=KINDS, choices=KINDS + MEASURED_KINDS)
    arguments = parser.parse_args()
    outcomes = []
    print("| runs | strategy | " + " | ".join(arguments.kinds) + " | found | worse | too high by |")
    print("|---:|---|" + "---:|" * (len(arguments.kinds) + 3))
    for runs, name in itertools.product(arguments.runs, arguments.strategies):
        if name in SLOW and runs > MOST_OF_SLOW:
            continue
        worlds = max(arguments.repeats // SLOW.get(name, 1), 2)
        line = [evaluate(name, kind, runs, worlds) for kind in arguments.kinds]
        outcomes += line
        print(table_row(line), flush=True)
    if arguments.json:
        rows = [asdict(outcome) for outcome in with_kept(outcomes, arguments.json)]
        arguments.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
