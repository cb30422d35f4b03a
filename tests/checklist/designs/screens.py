"""Screens whose truth is known, and how often their intervals cover it.

As a program it prints what docs/designs.md shows: `python tests/checklist/designs/screens.py`.
"""

from __future__ import annotations

import argparse
import functools
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from darkmagic.checklist.compare.claims import claims_at
from darkmagic.checklist.designs.crossed.prediction import predict_best
from darkmagic.checklist.designs.fit import Mixed, estimate_screen
from darkmagic.checklist.designs.screen import make_screen
from darkmagic.checklist.model import Checklist, Trial, Trick
from darkmagic.checklist.plan import expand, plan_seeds
from darkmagic.checklist.records import Costs, Status, TrialRecord
from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run

SIZES = (3, 3, 2, 2, 3, 3, 2, 2, 2, 3)
ARTICLE = Checklist(
    "article", tuple(Trick(f"t{n}", "s", ("a", "b", "c")[:size]) for n, size in enumerate(SIZES))
)
OPTIONS = [(trick.name, option) for trick in ARTICLE.tricks for option in trick.options[1:]]
SPREAD, GAIN = 0.2, 0.3
Choice = tuple[str, str]


@functools.cache
def screen_of(runs: int) -> list[Trial]:
    """Return a screen of the article's shape, which takes a while to make."""
    return make_screen(ARTICLE, runs)


def gain_of(
    choices: Mapping[str, str],
    effects: Mapping[Choice, float],
    pairs: Mapping[tuple[Choice, Choice], float] | None = None,
) -> float:
    """Return what `choices` gain, in points; `pairs` add to the sum of `effects`."""
    own = set(choices.items())
    extra = sum(value for (a, b), value in (pairs or {}).items() if a in own and b in own)
    return sum(effects.get(choice, 0.0) for choice in own) + extra


def screened(
    trials: Sequence[Trial],
    effects: Mapping[Choice, float],
    *,
    spread: float = SPREAD,
    seed: int = 0,
    **changes: Any,
) -> list[TrialRecord]:
    """Return the finished runs of `trials`, of true `effects`."""
    rng = np.random.default_rng(seed)
    return [
        TrialRecord(
            trial.trick,
            trial.option,
            trial.section,
            trial.seed,
            Status.FINISHED,
            accuracy=(90 + gain_of(trial.choices, effects) + spread * rng.normal()) / 100,
            costs=Costs(step_seconds=2.0, wall_seconds=60.0, parameters=50),
            choices=trial.choices,
            run_id=trial.name,
            images=10_000,
            classes=10,
            **changes,
        )
        for trial in trials
    ]


def average_effects(pairs: Mapping[tuple[Choice, Choice], float]) -> dict[Choice, float]:
    """Return what `pairs` add to each option's effect, averaged over all combinations."""
    levels = {trick.name: len(trick.options) for trick in ARTICLE.tricks}
    found = dict.fromkeys(OPTIONS, 0.0)
    for (a, b), value in pairs.items():
        found[a] += value / levels[b[0]]
        found[b] += value / levels[a[0]]
    return found


def simulate(
    runs: int, repeats: int, *, interactions: float = 0.0, seed: int = 0
) -> dict[str, float]:
    """Return shares of simulated screens of `runs`, in percent, and the regret in points.

    `together` are screens all of whose intervals cover the average effects, `false` those with a
    claim where nothing helps, `power` the share found of gains of 0.3, `baseline` the coverage of
    effects at the baseline's options; `regret` is what the predicted recipe lacks of the best.
    """
    rng = np.random.default_rng(seed)
    trials = screen_of(runs)
    together = false = covered = found = helpful = 0
    regrets, optimism = [], []
    for _ in range(repeats):
        effects = _truth(rng)
        pairs = {
            (a, b): interactions * float(rng.normal())
            for a, b in itertools.combinations(OPTIONS, 2)
            if a[0] != b[0] and interactions
        }
        true = {o: effects[o] + value for o, value in average_effects(pairs).items()}
        estimated, claims = _judge(trials, effects, pairs, rng)
        intervals = [claim.interval for claim in claims[1:]]
        inside = [
            i is not None and i[0] <= true[o] <= i[1]
            for o, i in zip(OPTIONS, intervals, strict=True)
        ]
        together += all(inside)
        own = [estimated.by_trial[k + 1].interval() for k in range(len(OPTIONS))]
        covered += sum(
            i is not None and i[0] <= effects[o] <= i[1] for o, i in zip(OPTIONS, own, strict=True)
        )
        found += sum(
            claim.direction > 0 and effects[o] > 0
            for o, claim in zip(OPTIONS, claims[1:], strict=True)
        )
        helpful += 5
        best = predict_best(estimated, OPTIONS, range(1, len(OPTIONS) + 1))
        choices = {t.name: t.options[0] for t in ARTICLE.tricks}
        chosen = {**choices, **(best.choices if best else {})}
        if not interactions:
            regrets.append(_best(effects) - gain_of(chosen, effects))
            optimism.append((best.gain if best else 0.0) - gain_of(chosen, effects))
        _, null = _judge(trials, {}, {}, rng)
        false += any(claim.direction for claim in null)
    shares = {"together": together, "false": false}
    figures = {name: 100 * count / repeats for name, count in shares.items()}
    figures["power"] = 100 * found / helpful
    figures["baseline"] = 100 * covered / repeats / len(OPTIONS)
    if regrets:
        figures |= {"regret": float(np.mean(regrets)), "optimism": float(np.mean(optimism))}
    return figures


def one_at_a_time(runs: int, repeats: int, seed: int = 0) -> dict[str, float]:
    """Return the power and the regret of as many runs of one trick at a time."""
    rng = np.random.default_rng(seed)
    seeds = runs // (1 + len(OPTIONS))
    repeated = runs - seeds * len(OPTIONS)
    trials = expand(ARTICLE, plan_seeds(ARTICLE, seeds=seeds, baseline_repeats=repeated))
    index = {None: 0, **{option: k for k, option in enumerate(OPTIONS, start=1)}}
    found, regrets = 0, []
    for _ in range(repeats):
        effects = _truth(rng)
        drawn = [
            Run(
                index[None if t.trick is None else (t.trick, str(t.option))],
                t.seed,
                90 + gain_of(t.choices, effects) + SPREAD * float(rng.normal()),
            )
            for t in trials
        ]
        estimated = estimate_effects(drawn, 0.0)
        claims = claims_at(1, estimated, [True] * (1 + len(OPTIONS)))
        found += sum(
            c.direction > 0 and effects[o] > 0 for o, c in zip(OPTIONS, claims[1:], strict=True)
        )
        best = predict_best(estimated, OPTIONS, range(1, len(OPTIONS) + 1))
        chosen = {**{t.name: "a" for t in ARTICLE.tricks}, **(best.choices if best else {})}
        regrets.append(_best(effects) - gain_of(chosen, effects))
    return {"power": 100 * found / (5 * repeats), "regret": float(np.mean(regrets))}


def _truth(rng: np.random.Generator) -> dict[Choice, float]:
    """Let five options gain, five lose as much, and five do nothing."""
    signs = rng.permutation([1] * 5 + [-1] * 5 + [0] * (len(OPTIONS) - 10)).tolist()
    return {option: GAIN * sign for option, sign in zip(OPTIONS, signs, strict=True)}


def _judge(
    trials: Sequence[Trial], effects: Mapping[Choice, float], pairs: Any, rng: Any
) -> tuple[Any, Any]:
    runs = [
        Mixed(t.name, t.choices, t.seed, gain_of(t.choices, effects, pairs) + SPREAD * rng.normal())
        for t in trials
    ]
    estimated = estimate_screen(runs, OPTIONS, 0.0)
    return estimated, claims_at(1, estimated, [True] * (1 + len(OPTIONS)))


def _best(effects: Mapping[Choice, float]) -> float:
    """Return the largest gain that there is, without interactions."""
    best: dict[str, float] = {}
    for (trick, _), value in effects.items():
        best[trick] = max(best.get(trick, 0.0), value)
    return sum(best.values())


def main() -> None:
    """Print the tables of docs/designs.md."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=500)
    repeats = parser.parse_args().repeats
    head = ("runs", "all intervals cover", "false claim", "power", "regret", "too high by")
    print("| " + " | ".join((*head, "one at a time: power", "regret")) + " |")
    print("|" + "---:|" * 8)
    for runs in (18, 24, 36, 48):
        f, alone = simulate(runs, repeats), one_at_a_time(runs, repeats)
        print(
            f"| {runs} | {f['together']:.1f} | {f['false']:.1f} | {f['power']:.0f} | "
            f"{f['regret']:.2f} | {f['optimism']:+.2f} | {alone['power']:.0f} | "
            f"{alone['regret']:.2f} |"
        )
    print("\n| runs | interactions | all cover averages | cover at the baseline |")
    print("|---:|---:|---:|---:|")
    for runs, size in ((24, 0.1), (36, 0.1), (36, 0.2)):
        f = simulate(runs, repeats, interactions=size)
        print(f"| {runs} | {size} | {f['together']:.1f} | {f['baseline']:.1f} |")


if __name__ == "__main__":
    main()
