"""What stopping hopeless trials costs and saves, by simulated learning curves.

`python tests/checklist/futility_rule.py` prints the table of docs/recipes.md.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from darkmagic.checklist.compare.claims import claims_at
from darkmagic.checklist.planning.futility import hopeless
from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run

SPREAD, EPOCHS, SEEDS = 0.2, 20, 3
FAST, SLOW, NOISE = 8.0, 4.0, 1.5
"""How fast curves rise, and how much an epoch's accuracy jumps about, in points."""


def curve(final: float, speed: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return the epochs of a run that ends at `final` percent."""
    places = np.arange(1, EPOCHS + 1) / EPOCHS
    level = 10 + (final - 10) * (1 - np.exp(-speed * places)) / (1 - np.exp(-speed))
    level[:-1] += NOISE * rng.standard_normal(EPOCHS - 1)
    return [
        {"epoch": n, "epochs": EPOCHS, "train_loss": 1.0, "val_accuracy": float(a) / 100}
        for n, a in enumerate(level, start=1)
    ]


def simulate(points: float | None, helpful: Sequence[float], repeats: int) -> dict[str, float]:
    """Return percentages over sweeps whose last five rows lose 40 points: rows of `helpful` gains,
    which learn slowly, that are found and that are stopped; sweeps with a false claim; and epochs
    that are saved.
    """
    rng = np.random.default_rng(0)
    gains = [*helpful, *[0.0] * (10 - len(helpful)), *[-40.0] * 5]
    false = found = stopped = saved = 0
    for _ in range(repeats):
        runs, hopeful = [], [True] * 16
        baselines = {s: curve(90 + SPREAD * rng.normal(), FAST, rng) for s in range(SEEDS)}
        for seed, run in baselines.items():
            runs.append(Run(0, seed, 100 * run[-1]["val_accuracy"]))
        for row, seed in itertools.product(range(1, 16), range(SEEDS)):
            speed = SLOW if row <= len(helpful) else FAST
            run = curve(90 + gains[row - 1] + SPREAD * rng.normal(), speed, rng)
            reason, epochs = stopped_at(run, list(baselines.values()), points)
            saved += EPOCHS - epochs
            if reason:  # the row is not judged, whatever its other seeds give
                hopeful[row] = False
                stopped += row <= len(helpful)
            else:
                runs.append(Run(row, seed, 100 * run[-1]["val_accuracy"]))
        claims = claims_at(1, estimate_effects(runs), hopeful)
        found += sum(claims[row].direction > 0 for row in range(1, len(helpful) + 1))
        false += any(claims[row].direction for row in range(len(helpful) + 1, 11))
    trained = repeats * 15 * SEEDS
    of_helpful = max(repeats * len(helpful), 1)
    return {
        "false": 100 * false / repeats,
        "found": 100 * found / of_helpful,
        "stopped": 100 * stopped / of_helpful / SEEDS,
        "saved": 100 * saved / trained / EPOCHS,
    }


def stopped_at(
    run: list[dict[str, Any]], baselines: list[list[dict[str, Any]]], points: float | None
) -> tuple[str, int]:
    """Return why and after how many epochs the rule stops `run`."""
    for epochs in range(1, EPOCHS + 1):
        reason = hopeless(run[:epochs], baselines, points) if points is not None else ""
        if reason:
            return reason, epochs
    return "", EPOCHS


def main() -> None:
    """Print a line a margin."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=300)
    repeats = parser.parse_args().repeats
    print("| `futility=` | false claim | slow gains found | of them stopped | epochs saved |")
    print("|---|---:|---:|---:|---:|")
    for points in (None, 40.0, 20.0, 10.0, 5.0):
        f = simulate(points, [0.6] * 5, repeats)
        shown = "null" if points is None else f"{points:g}"
        print(
            f"| {shown} | {f['false']:.1f} % | {f['found']:.0f} % | {f['stopped']:.1f} % | "
            f"{f['saved']:.0f} % |",
            flush=True,
        )


if __name__ == "__main__":
    main()
