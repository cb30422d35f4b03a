"""Sweeps whose truth is known: how often intervals cover it and tables make a false claim.

As a program it writes what the tables of docs/statistics.md show, and prints them:
`python tests/checklist/simulation.py --repeats 2000 --json docs/results/statistics.json`.
"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from darkmagic.checklist.compare.claims import claims_at, over_looks
from darkmagic.checklist.compare.outlook import PROBABLY
from darkmagic.checklist.stats.alpha_spending import ALPHA, FIRST_SHARE
from darkmagic.checklist.stats.effects import Effects, estimate_effects
from darkmagic.checklist.stats.linear import Run
from darkmagic.checklist.stats.posterior import estimate_posterior
from darkmagic.checklist.stats.step_down import test_together as judged_together

TRICKS = 15
SPREAD = 0.2
GAIN = 0.3
LEVEL = ALPHA * FIRST_SHARE
"""What the report spends on a first look."""


@dataclass(frozen=True)
class Setting:
    """A kind of sweep. `spreads` are factors of some trials' spread, 0 being the baseline."""

    seeds: int
    correlation: float = 0.0
    spreads: dict[int, float] = field(default_factory=dict)
    missing: float = 0.0  # share of the tricks' runs that have no result
    baseline_repeats: int = 0
    label: str = ""
    tricks: int = TRICKS

    @property
    def helpful(self) -> int:
        """Of the tricks, in the sweeps that measure power."""
        return self.tricks // 3


@dataclass(frozen=True)
class Outcome:
    """Shares of simulated sweeps, in percent.

    `coverage` is of the rows' own 95 % intervals, `wide_coverage` of those of tricks that spread
    more than others (None without such), `together` of tables all of whose adjusted intervals
    cover; `false` are tables with a claim where nothing helps, `power` the share found of gains
    of 0.3, and `false_holm` and `power_holm` the same by Holm's method.
    """

    coverage: float
    wide_coverage: float | None
    together: float
    false: float
    power: float
    false_holm: float
    power_holm: float


def draw(setting: Setting, rng: np.random.Generator, gains: np.ndarray) -> list[Run]:
    """Draw a sweep of tricks and a baseline, whose true effects are `gains`."""
    trials, seeds = setting.tricks + 1, max(setting.seeds, setting.baseline_repeats)
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


def holms(effects: Effects, tricks: int) -> list[float]:
    """Return p values adjusted by Holm's method."""
    known = (effects.by_trial.get(trial) for trial in range(1, tricks + 1))
    raw = np.array([1.0 if e is None or e.p_value is None else e.p_value for e in known])
    order = np.argsort(raw)
    adjusted = np.empty(tricks)
    adjusted[order] = np.maximum.accumulate(raw[order] * np.arange(tricks, 0, -1))
    return list(np.minimum(adjusted, 1.0))


def simulate(setting: Setting, repeats: int, seed: int = 0) -> Outcome:
    """Return what `repeats` sweeps of `setting` come to, without and with helpful tricks."""
    rng = np.random.default_rng(seed)
    nothing = np.zeros(setting.tricks + 1)
    some = nothing.copy()
    some[1 : setting.helpful + 1] = GAIN
    tests = list(range(1, setting.tricks + 1))
    wide = {trial for trial, factor in setting.spreads.items() if trial and factor > 1}
    covered: dict[bool, list[bool]] = {False: [], True: []}
    together, false, false_holm, found, found_holm = 0, 0, 0, 0, 0
    for _ in range(repeats):
        effects = estimate_effects(draw(setting, rng, nothing))
        for trial, effect in effects.by_trial.items():
            interval = effect.interval()
            if interval is not None:
                covered[trial in wide].append(interval[0] <= 0 <= interval[1])
        tested = [t for t in judged_together(effects, tests, LEVEL) if t is not None]
        together += all(t.interval[0] <= 0 <= t.interval[1] for t in tested)
        false += any(t.p_value < LEVEL for t in tested)
        false_holm += min(holms(effects, setting.tricks)) < LEVEL
        effects = estimate_effects(draw(setting, rng, some))
        claimed = judged_together(effects, tests, LEVEL)[: setting.helpful]
        found += sum(t is not None and t.p_value < LEVEL for t in claimed)
        found_holm += sum(p < LEVEL for p in holms(effects, setting.tricks)[: setting.helpful])
    helped = repeats * setting.helpful / 100
    return Outcome(
        coverage=100 * float(np.mean(covered[False])),
        wide_coverage=100 * float(np.mean(covered[True])) if covered[True] else None,
        together=100 * together / repeats,
        false=100 * false / repeats,
        power=found / helped,
        false_holm=100 * false_holm / repeats,
        power_holm=found_holm / helped,
    )


def false_claims_over_looks(
    seeds: int, added: int, looks: int, repeats: int, correlation: float = 0.0
) -> float:
    """Return the percentage of sweeps with any false claim after so many looks.

    `added` seeds go to the trials that are undecided, and to the baseline, after each look. A
    claim counts although it is withdrawn later.
    """
    rng = np.random.default_rng(1)
    nothing = np.zeros(TRICKS + 1)
    testable = [True] * (TRICKS + 1)
    false = 0
    for _ in range(repeats):
        runs = draw(Setting(seeds + added * (looks - 1), correlation), rng, nothing)
        open_trials = set(range(1, TRICKS + 1))
        seen = [run for run in runs if run.seed < seeds]
        history = []
        claimed = False
        for look in range(1, looks + 1):
            history.append(claims_at(look, estimate_effects(seen), testable))
            final = [over_looks(claims) for claims in zip(*history, strict=True)]
            decided = {trial for trial in open_trials if final[trial].direction}
            claimed = claimed or bool(decided)
            open_trials -= decided
            new = range(seeds + added * (look - 1), seeds + added * look)
            seen += [r for r in runs if r.seed in new and (r.trial in open_trials or r.trial == 0)]
        false += claimed
    return 100 * false / repeats


@dataclass(frozen=True)
class Adoption:
    """What taking rows by their outlook comes to, over sweeps of which a third of tricks help.

    `left` is the gain not taken, in points, by rule: proved better, at least 75 % likely to help,
    more likely than not. `useless` is the share of rows taken at 75 % that do not help, and
    `said` what the outlooks said of that, in percent; `coverage` of the 95 % intervals.
    """

    seeds: int
    repeats: int
    left_proved: float
    left_probable: float
    left_likely: float
    useless: float
    said: float
    coverage: float


def adoption(seeds: int, repeats: int) -> Adoption:
    """Return what `repeats` sweeps with five gains of 0.3 points come to."""
    rng = np.random.default_rng(2)
    gains = np.zeros(TRICKS + 1)
    gains[1 : TRICKS // 3 + 1] = GAIN
    true, tests = gains[1:], list(range(1, TRICKS + 1))
    left = np.zeros(3)
    useless: list[bool] = []
    said: list[float] = []
    covered: list[bool] = []
    for _ in range(repeats):
        effects = estimate_effects(draw(Setting(seeds), rng, gains))
        posterior = estimate_posterior(effects)
        assert posterior is not None
        helps = (posterior.draws > 0).mean(0)
        tested = judged_together(effects, tests, LEVEL)
        proved = [t is not None and t.p_value < LEVEL and t.interval[0] >= 0 for t in tested]
        taken = (np.array(proved), helps >= PROBABLY, helps > 0.5)
        left += [true[~rows].sum() for rows in taken]
        useless += (true[taken[1]] <= 0).tolist()
        said += (1 - helps[taken[1]]).tolist()
        low, high = np.percentile(posterior.draws, [2.5, 97.5], axis=0)
        covered += ((low <= true) & (true <= high)).tolist()
    shares = [100 * float(np.mean(values)) for values in (useless, said, covered)]
    return Adoption(seeds, repeats, *(left / repeats).tolist(), *shares)


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
        for seeds, repeats in ((1, 10), (2, 6), (3, 6), (5, 15)):
            label = f"baseline_repeats={repeats}, seeds correlate by {correlation}"
            rows.append(Setting(seeds, correlation, baseline_repeats=repeats, label=label))
    for seeds in (3, 5):
        rows.append(Setting(seeds, label="50 tricks, equal spreads", tricks=50))
        wide = dict.fromkeys(range(1, 51, 3), 3.0)
        label = "50 tricks, a third 3 times as wide"
        rows.append(Setting(seeds, spreads=wide, label=label, tricks=50))
    return rows


def as_markdown(content: dict[str, Any]) -> str:
    """Return the tables of docs/statistics.md."""
    lines = [
        (
            f"| sweeps of {TRICKS} tricks, spread {SPREAD} | S | own intervals cover, % | of wide "
            f"rows, % | all adjusted intervals cover, % | tables with a false claim, % | +{GAIN} "
            "found, % | by Holm: false, % | found, % |"
        ),
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    names = ("coverage", "wide_coverage", "together", "false", "power", "false_holm", "power_holm")
    for row in content["rows"]:
        cells = [row["label"], str(row["seeds"])]
        cells += ["" if row[name] is None else f"{row[name]:.1f}" for name in names]
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", "| looks, from S = 3 by 2 seeds | seeds correlate by | false claims, % |"]
    lines.append("|---:|---:|---:|")
    for row in content["looks"]:
        lines.append(f"| {row['looks']} | {row['correlation']} | {row['false']:.1f} |")
    lines += [
        "",
        "| S | gain left by taking the proved | the probable, 75 % | the likelier than not ",
    ]
    lines[-1] += "| of the probable no help, % | as they said, % | their intervals cover, % |"
    lines.append("|---:|---:|---:|---:|---:|---:|---:|")
    for row in content["adoption"]:
        left = [f"{row[f'left_{name}']:.2f}" for name in ("proved", "probable", "likely")]
        shares = [f"{row[name]:.1f}" for name in ("useless", "said", "coverage")]
        lines.append("| " + " | ".join([str(row["seeds"]), *left, *shares]) + " |")
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
    taken = [asdict(adoption(seeds, arguments.repeats)) for seeds in SEEDS]
    content = {"repeats": arguments.repeats, "rows": rows, "looks": looks, "adoption": taken}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(content, indent=1) + "\n")
    print(as_markdown(content))


if __name__ == "__main__":
    main()
