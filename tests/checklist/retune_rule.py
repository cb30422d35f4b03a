"""What a table says of options that want another rate, with and without one, by simulation.

`python tests/checklist/retune_rule.py` prints the table of docs/recipes.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np

from darkmagic.checklist.compare.claims import claims_at
from darkmagic.checklist.planning.retune import LADDER, pick
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run
from darkmagic.sweeps.commands.stages.retune import RANGE, _study, _tell

ROWS, SEEDS, SPREAD = 5, 5, 0.2
APART = 1.0
"""Standard deviation of the logarithm of a row's best rate: about a factor of three."""
COST = 0.5
"""Points that a rate costs which is a factor of e off; four times as much a factor of e squared."""
Try = Callable[[int, float], float]
"""From a row and a rate to the accuracy of one run."""


def ladder(seeds: int) -> Callable[[Try], tuple[list[float], int]]:
    """Return what picks each row's rate from the ladder, and how many runs that took."""

    def picked(trained: Try) -> tuple[list[float], int]:
        records = [
            _tried(row, seed, rate, trained(row, rate))
            for row in range(ROWS + 1)
            for rate in LADDER
            for seed in range(seeds)
        ]
        return _rates(records), len(records)

    return picked


def optuna(tries: int) -> Callable[[Try], tuple[list[float], int]]:
    """Return what picks each row's rate from what Optuna proposes."""

    def picked(trained: Try) -> tuple[list[float], int]:
        records = []
        for row in range(ROWS + 1):
            study = _study(f"row {row}", ["lr"])
            for _ in range(tries):
                trial = study.ask()
                rate = trial.suggest_float("lr", *RANGE, log=True)
                accuracy = trained(row, rate)
                records.append(_tried(row, 0, rate, accuracy))
                _tell(study, trial, accuracy)
        return _rates(records), len(records)

    return picked


def _tried(row: int, seed: int, rate: float, accuracy: float) -> TrialRecord:
    name = (None, None) if row == 0 else ("row", str(row))
    return TrialRecord(
        *name, "", seed, Status.FINISHED, accuracy=accuracy / 100, rates={"lr": rate}
    )


def _rates(records: list[TrialRecord]) -> list[float]:
    names = list(dict.fromkeys(record.name for record in records))
    return [rates["lr"] for rates in pick(names, records).values()]


PICKS: dict[str, Callable[[Try], tuple[list[float], int]]] = {
    "none": lambda _: ([1.0] * (ROWS + 1), 0),
    "ladder": ladder(1),
    "ladder, retune_seeds=3": ladder(3),
    "optuna, retune_tries=6": optuna(6),
    "optuna, retune_tries=12": optuna(12),
}


def simulate(picks: Callable[[Try], tuple[list[float], int]], repeats: int) -> dict[str, float]:
    """Return what is said of rows that are as good as the baseline, each at its own best rate.

    `worse` is the percentage of rows that are called worse, `off` the mean error of a difference
    in points, `runs` what picking the rates took, and `better` the percentage called better.
    """
    rng = np.random.default_rng(0)
    worse = better = runs = 0
    off = []
    for _ in range(repeats):
        best = np.concatenate([[0.3 * rng.normal()], APART * rng.normal(size=ROWS)])

        def trained(row: int, rate: float, best: np.ndarray = best) -> float:
            lost = COST * (np.log(rate) - best[row]) ** 2
            return float(90 - min(lost, 10.0) + SPREAD * rng.normal())

        rates, runs = picks(trained)
        verdicts = [
            Run(row, seed, trained(row, rates[row]))
            for seed in range(SEEDS)
            for row in range(ROWS + 1)
        ]
        effects = estimate_effects(verdicts)
        claims = claims_at(1, effects, [True] * (ROWS + 1))[1:]
        worse += sum(claim.direction < 0 for claim in claims)
        better += sum(claim.direction > 0 for claim in claims)
        off += [effects.by_trial[row].difference for row in range(1, ROWS + 1)]
    rows = repeats * ROWS
    return {
        "worse": 100 * worse / rows,
        "better": 100 * better / rows,
        "off": float(np.mean(off)),
        "runs": runs,
    }


def main() -> None:
    """Print a line a way to pick."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    print("| `retune=` | runs to pick | called worse | called better | mean difference |")
    print("|---|---:|---:|---:|---:|")
    for name, picks in PICKS.items():
        f = simulate(picks, repeats)
        print(
            f"| {name} | {f['runs']:.0f} | {f['worse']:.0f} % | {f['better']:.0f} % | "
            f"{f['off']:+.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
