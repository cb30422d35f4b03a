"""Sweeps whose truth is known: how often intervals cover it and tables make a false claim.

As a program it writes what the tables of docs/statistics.md show, and prints them:
`python tests/checklist/simulation.py --repeats 2000 --json docs/results/statistics.json`.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from darkmagic.checklist.stats.alpha_spending import ALPHA, holm, over_looks
from darkmagic.checklist.stats.effects import Effects, estimate_effects
from darkmagic.checklist.stats.linear import Run

TRICKS = 15
SPREAD = 0.2
GAIN = 0.3
HELPFUL = 5
"""Of the tricks, in the sweeps that measure power."""


@dataclass(frozen=True)
class Setting:
    """A kind of sweep. `spreads` are factors of some trials' spread, 0 being the baseline."""

    seeds: int
    correlation: float = 0.0
    spreads: dict[int, float] = field(default_factory=dict)
    missing: float = 0.0  # share of the tricks' runs that have no result
    baseline_repeats: int = 0
    label: str = ""


@dataclass(frozen=True)
class Outcome:
    """Shares of simulated sweeps, in percent: `coverage` of 95 % intervals (unstable trials
    apart), `false` tables with a claim where nothing helps, `power` to find a gain of 0.3.
    """

    coverage: float
    false: float
    power: float


def draw(setting: Setting, rng: np.random.Generator, gains: np.ndarray) -> list[Run]:
    """Draw a sweep of TRICKS tricks and a baseline, whose true effects are `gains`."""
    trials, seeds = TRICKS + 1, max(setting.seeds, setting.baseline_repeats)
    shared = SPREAD * math.sqrt(setting.correlation) * rng.standard_normal(seeds)
    own = SPREAD * math.sqrt(1 - setting.correlation) * rng.standard_normal((trials, seeds))
    for trial, factor in setting.spreads.items():
        own[trial] *= factor
    accuracy = 90 + gains[:, None] + shared + own
    lost = rng.random((trials, seeds)) < setting.missing
    return [
        Run(trial, seed, float(accuracy[trial, seed]))
        for trial in range(trials)
        for seed in range(seeds)
        if (trial == 0 or not lost[trial, seed]) and (trial == 0 or seed < setting.seeds)
    ]


def p_values(effects: Effects) -> dict[str, float | None]:
    """Return what enters Holm's method: unstable and missing trials as None."""
    found = {}
    for trial in range(1, TRICKS + 1):
        effect = effects.by_trial.get(trial)
        found[str(trial)] = None if effect is None or effect.unstable else effect.p_value
    return found


@contextlib.contextmanager
def quick_collection() -> Iterator[None]:
    """Statsmodels collects garbage with every call of Holm's method: leave it little to look at."""
    nothing = np.zeros(TRICKS + 1)
    holm(p_values(estimate_effects(draw(Setting(3), np.random.default_rng(0), nothing))))
    gc.freeze()  # all that was imported by now
    try:
        yield
    finally:
        gc.unfreeze()


@quick_collection()
def simulate(setting: Setting, repeats: int, seed: int = 0) -> Outcome:
    """Return what `repeats` sweeps of `setting` come to, without and with helpful tricks."""
    rng = np.random.default_rng(seed)
    nothing = np.zeros(TRICKS + 1)
    some = nothing.copy()
    some[1 : HELPFUL + 1] = GAIN
    covered, intervals, false, found = 0, 0, 0, 0
    for _ in range(repeats):
        effects = estimate_effects(draw(setting, rng, nothing))
        for effect in effects.by_trial.values():
            interval = effect.interval()
            if interval is not None and not effect.unstable:
                intervals += 1
                covered += interval[0] <= 0 <= interval[1]
        false += min(holm(p_values(effects)).values()) < ALPHA
        adjusted = holm(p_values(estimate_effects(draw(setting, rng, some))))
        found += sum(adjusted[str(trial)] < ALPHA for trial in range(1, HELPFUL + 1))
    return Outcome(
        100 * covered / max(intervals, 1), 100 * false / repeats, 100 * found / repeats / HELPFUL
    )


@quick_collection()
def false_claims_over_looks(
    seeds: int, added: int, looks: int, repeats: int, correlation: float = 0.0
) -> float:
    """Return the percentage of sweeps with any false claim after so many looks.

    `added` seeds go to the trials that are undecided, and to the baseline, after each look.
    """
    rng = np.random.default_rng(1)
    nothing = np.zeros(TRICKS + 1)
    false = 0
    for _ in range(repeats):
        setting = Setting(seeds + added * (looks - 1), correlation)
        runs = draw(setting, rng, nothing)
        open_trials = set(range(1, TRICKS + 1))
        seen = [run for run in runs if run.seed < seeds]
        adjusted: list[dict[str, float]] = []
        for look in range(1, looks + 1):
            adjusted.append(holm(p_values(estimate_effects(seen))))
            final = over_looks(adjusted)
            decided = {trial for trial in open_trials if final[str(trial)] < ALPHA}
            open_trials -= decided
            new = range(seeds + added * (look - 1), seeds + added * look)
            seen += [r for r in runs if r.seed in new and (r.trial in open_trials or r.trial == 0)]
        false += len(open_trials) < TRICKS
    return 100 * false / repeats


WILD = {3: 10.0}
MILD = dict.fromkeys(range(1, TRICKS + 1, 3), 2.0)
WIDE = dict.fromkeys(range(1, TRICKS + 1, 3), 3.0)
LOGNORMAL = {
    trial: float(factor)
    for trial, factor in enumerate(np.exp(np.random.default_rng(5).normal(0, 0.4, TRICKS)), 1)
}
KINDS = {
    "equal spreads": {},
    "seeds correlate by 0.5": {"correlation": 0.5},
    "one trick 10 times as wide": {"spreads": WILD},
    "a third of the tricks twice as wide": {"spreads": MILD},
    "a third of the tricks 3 times as wide": {"spreads": WIDE},
    "spreads lognormal (0.4)": {"spreads": LOGNORMAL},
    "baseline twice as wide": {"spreads": {0: 2.0}},
    "a tenth of the runs missing": {"missing": 0.1},
}
SEEDS = (2, 3, 5, 10)


def settings() -> list[Setting]:
    """Return the rows of the documented table."""
    rows = [
        Setting(seeds, label=label, **kind)  # type: ignore[arg-type]
        for label, kind in KINDS.items()
        for seeds in SEEDS
    ]
    for correlation in (0.0, 0.5):
        for seeds, repeats in ((1, 10), (3, 6)):
            label = f"baseline_repeats={repeats}, seeds correlate by {correlation}"
            rows.append(Setting(seeds, correlation, baseline_repeats=repeats, label=label))
    return rows


def as_markdown(content: dict[str, Any]) -> str:
    """Return the tables of docs/statistics.md."""
    lines = [
        (
            f"| sweeps of {TRICKS} tricks, spread {SPREAD} | S | intervals cover, % "
            f"| tables with a false claim, % | +{GAIN} found, % |"
        ),
        "|---|---:|---:|---:|---:|",
    ]
    for row in content["rows"]:
        cells = [row["label"], str(row["seeds"])]
        cells += [f"{row[name]:.1f}" for name in ("coverage", "false", "power")]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| looks, from S = 3 by 2 seeds | seeds correlate by | false claims, % |"]
    lines.append("|---:|---:|---:|")
    for row in content["looks"]:
        lines.append(f"| {row['looks']} | {row['correlation']} | {row['false']:.1f} |")
    return "\n".join(lines)


def main() -> None:
    """Simulate every setting and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--json", type=Path, required=True)
    arguments = parser.parse_args()
    rows = []
    for setting in settings():
        outcome = simulate(setting, arguments.repeats)
        rows.append({**asdict(setting), **asdict(outcome)})
        print(f"{setting.label:45s} S={setting.seeds:2d} {outcome}", flush=True)
    looks = [
        {
            "seeds": 3,
            "added": 2,
            "looks": number,
            "correlation": correlation,
            "false": false_claims_over_looks(3, 2, number, arguments.repeats, correlation),
        }
        for number in (1, 2, 3, 5)
        for correlation in (0.0, 0.5)
    ]
    content = {"repeats": arguments.repeats, "rows": rows, "looks": looks}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    print(as_markdown(content))


if __name__ == "__main__":
    main()
