"""Strategies for finding the best recipe in so many runs, where the truth is known.

As a program it writes what docs/designs.md shows of them, and prints it:

    python tests/checklist/tuning/strategies.py --repeats 100 --json docs/results/strategies.json
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.compare.claims import claims_at
from darkmagic.checklist.designs.crossed.prediction import predict_best
from darkmagic.checklist.designs.fit import Mixed, estimate_screen
from darkmagic.checklist.plan import expand, plan_seeds
from darkmagic.checklist.stats.effects import Effects, estimate_effects
from darkmagic.checklist.stats.linear import Run
from darkmagic.checklist.tuning.ridge import Ridge, fit_ridge, search_best
from screens import ARTICLE, OPTIONS, SIZES, SPREAD, screen_of
from survivors import survivors

Array = NDArray[np.float64]
Row = tuple[int, ...]
EVERY = np.array(list(itertools.product(*map(range, SIZES))))
BASELINE: Row = (0,) * len(SIZES)
FIRST = {trick.name: trick.options[0] for trick in ARTICLE.tricks}
SCREEN_RUNS = 24
SIDE_BY_SIDE = 4
"""Runs that are asked for before the model sees what they brought."""
GAIN = 0.3


@dataclass(frozen=True)
class World:
    """What every recipe truly brings over the baseline: `truth` has an axis a trick."""

    truth: Array
    gains: dict[tuple[str, str], float]  # of each option alone, without pairs

    @property
    def best(self) -> float:
        return float(self.truth.max())


@dataclass
class Bench:
    """A world that is asked for runs, and counts them: `rows` brought `values`."""

    world: World
    rng: np.random.Generator
    rows: list[Row] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def run(self, row: Sequence[int]) -> float:
        """Train once: return what `row` brings, with the luck of its run."""
        point = _row(row)
        value = float(self.world.truth[point]) + SPREAD * float(self.rng.normal())
        self.rows.append(point)
        self.values.append(value)
        return value

    def rerun(self, rows: Sequence[Row], times: int) -> dict[Row, float]:
        """Return the mean of fresh runs of each of `rows`."""
        return {row: float(np.mean([self.run(row) for _ in range(times)])) for row in rows}


@dataclass(frozen=True)
class Found:
    """The recipe that a strategy ends with, and the gain that it would quote of it."""

    row: Row
    quoted: float | None = None


Strategy = Callable[[Bench, int], Found]


def make_world(kind: str, rng: np.random.Generator) -> World:
    """Return a world of five options that gain 0.3, five that lose as much, and five of no effect.

    `dense` adds what every two options do beyond their sum, of deviation 0.1; `sparse` five pairs
    of deviation 0.5.
    """
    signs = rng.permutation([1] * 5 + [-1] * 5 + [0] * (len(OPTIONS) - 10)).tolist()
    gains = {option: GAIN * sign for option, sign in zip(OPTIONS, signs, strict=True)}
    truth = _HAS @ np.array([gains[option] for option in OPTIONS])
    if kind == "dense":
        truth = truth + _PAIRS @ (0.1 * rng.normal(size=_PAIRS.shape[1]))
    if kind == "sparse":
        some = rng.permutation(_PAIRS.shape[1])[:5]
        truth = truth + _PAIRS[:, some] @ (0.5 * rng.normal(size=5))
    return World(truth.reshape(SIZES), gains)


def _columns() -> tuple[Array, Array]:
    """Return for every recipe which options it has, and which pairs of two tricks' options."""
    has = [EVERY[:, k] == level for k, size in enumerate(SIZES) for level in range(1, size)]
    factor = [k for k, size in enumerate(SIZES) for _ in range(1, size)]
    pairs = [
        a & b
        for (i, a), (j, b) in itertools.combinations(enumerate(has), 2)
        if factor[i] != factor[j]
    ]
    return np.column_stack(has).astype(float), np.column_stack(pairs).astype(float)


_HAS, _PAIRS = _columns()


def row_of(choices: dict[str, str]) -> Row:
    """Return the row of `choices`, baseline options where they say nothing."""
    return tuple(t.options.index(choices.get(t.name, t.options[0])) for t in ARTICLE.tricks)


def predicted(effects: Effects) -> Row:
    """Return the recipe of each trick's best option, by what is left of its effect."""
    best = predict_best(effects, OPTIONS, range(1, len(OPTIONS) + 1))
    return row_of(dict(best.choices)) if best else BASELINE


def one_at_a_time(bench: Bench, runs: int) -> Effects:
    """Return the effects of as many runs of one trick at a time."""
    seeds = runs // (1 + len(OPTIONS))
    repeats = runs - seeds * len(OPTIONS)
    index = {None: 0, **{option: k for k, option in enumerate(OPTIONS, start=1)}}
    drawn = [
        Run(
            index[None if t.trick is None else (t.trick, str(t.option))],
            t.seed,
            bench.run(row_of(dict(t.choices))),
        )
        for t in expand(ARTICLE, plan_seeds(ARTICLE, seeds=seeds, baseline_repeats=repeats))
    ]
    return estimate_effects(drawn, 0.0)


def screened(bench: Bench, runs: int) -> Effects:
    """Return the effects of a screen."""
    mixed = [
        Mixed(t.name, t.choices, t.seed, bench.run(row_of(dict(t.choices))))
        for t in screen_of(runs)
    ]
    return estimate_screen(mixed, OPTIONS, 0.0)


def combine(bench: Bench, runs: int) -> Found:
    """One trick at a time; what probably helps is put together, and its gains are added up."""
    effects = one_at_a_time(bench, runs)
    best = predict_best(effects, OPTIONS, range(1, len(OPTIONS) + 1))
    return Found(row_of(dict(best.choices)), best.gain) if best else Found(BASELINE, 0.0)


def combine_claimed(bench: Bench, runs: int) -> Found:
    """One trick at a time; only what is called better is put together."""
    effects = one_at_a_time(bench, runs)
    claims = claims_at(1, effects, [True] * (1 + len(OPTIONS)))
    gains: dict[str, tuple[float, str]] = {}
    for trial, ((trick, option), claim) in enumerate(zip(OPTIONS, claims[1:], strict=True), 1):
        if claim.direction > 0:
            gains[trick] = max(
                gains.get(trick, (0.0, "")), (effects.by_trial[trial].difference, option)
            )
    return Found(
        row_of({trick: option for trick, (_, option) in gains.items()}),
        sum(gain for gain, _ in gains.values()),
    )


def screen_and_confirm(bench: Bench, runs: int) -> Found:
    """Screen, then train anew its prediction, the best recipe seen and the baseline."""
    each = max(runs // 16 - 1, 0)
    effects = screened(bench, runs - 3 * each)
    guess = predicted(effects)
    if not each:
        return Found(guess)
    seen = bench.rows[int(np.argmax(bench.values))]
    return _confirm(bench, list(dict.fromkeys([guess, seen])), each)


def _confirm(bench: Bench, rows: list[Row], each: int) -> Found:
    fresh = bench.rerun(list(dict.fromkeys([*rows, BASELINE])), each)
    best = max(rows, key=lambda row: fresh[row])
    return Found(best, fresh[best] - fresh[BASELINE])


def halving(bench: Bench, runs: int) -> Found:
    """Successive halving over recipes drawn at random, whose resource is repeats.

    A third of the runs goes to as many recipes once, the next to the best third of those, and so
    on (Jamieson & Talwalkar 2016); what is left at the end goes to the last one.
    """
    bench.run(BASELINE)
    left = runs - 1
    alive = [tuple(row) for row in EVERY[bench.rng.permutation(len(EVERY))[: max(left // 3, 1)]]]
    seen: dict[Row, list[float]] = {row: [] for row in alive}
    share = max(left // 3, 1)
    while left and alive:
        for row in alive * max(share // len(alive), 1):
            if left:
                seen[row].append(bench.run(row))
                left -= 1
        alive = sorted(alive, key=lambda row: -np.mean(seen[row]))[: max(len(alive) // 3, 1)]
    return Found(alive[0], float(np.mean(seen[alive[0]])) - bench.values[0])


def scratch(sampler: str) -> Strategy:
    """Return the strategy that asks one of Optuna's samplers for every run, and ends with the
    best that it saw, as `study.best_params` does.
    """

    def strategy(bench: Bench, runs: int) -> Found:
        bench.run(BASELINE)
        _ask_optuna(bench, runs - 1, sampler, {t.name: t.options for t in ARTICLE.tricks})
        best = int(np.argmax(bench.values))
        return Found(bench.rows[best], bench.values[best] - bench.values[0])

    return strategy


def screen_and_tpe(bench: Bench, runs: int) -> Found:
    """Screen, ask Optuna's TPE for the options that survived, then train anew the best two seen,
    the screen's prediction and the baseline.
    """
    each = _reruns(runs)
    if not each:
        return screen_and_confirm(bench, runs)
    effects = screened(bench, SCREEN_RUNS)
    guess = predicted(effects)
    bench.run(guess)
    left = runs - len(bench.rows) - 4 * each
    _ask_optuna(bench, left, "tpe", survivors(effects, OPTIONS, FIRST), told=len(bench.rows))
    order = np.argsort(-np.array(bench.values)).tolist()
    tried = dict.fromkeys(bench.rows[k] for k in order)
    best_two = [row for row in tried if row != guess][:2]
    return _confirm(bench, [guess, *best_two], each)


def screen_and_ridge(bench: Bench, runs: int) -> Found:
    """Screen, then run where the ridge model expects most, then train anew its best three and the
    baseline; the model of all runs chooses among those. Few runs are all of the screen.
    """
    each = _reruns(runs)
    if not each:
        screened(bench, runs)
        return Found(
            _row(search_best(lambda rows: _ridge(bench).predict(rows)[0], SIZES, bench.rng))
        )
    bench.run(predicted(screened(bench, SCREEN_RUNS)))
    _ask_ridge(bench, runs - len(bench.rows) - 4 * each)
    means = _ridge(bench).predict(bench.rows)[0]
    tried = dict.fromkeys(bench.rows[k] for k in np.argsort(-means).tolist())
    top = list(tried)[:3]
    fresh = bench.rerun(list(dict.fromkeys([*top, BASELINE])), each)
    best = top[int(_ridge(bench).predict(top)[0].argmax())]
    return Found(best, fresh[best] - fresh[BASELINE])


def _reruns(runs: int) -> int:
    """Return the fresh runs of each recipe that is confirmed; 0 where a screen takes them all."""
    return max(runs // 16 - 1, 0) if runs >= SCREEN_RUNS + 5 else 0


def _row(levels: Sequence[float]) -> Row:
    return tuple(int(level) for level in levels)


def _ridge(bench: Bench) -> Ridge:
    return fit_ridge(bench.rows, bench.values, SIZES)


def _ask_ridge(bench: Bench, runs: int) -> None:
    for start in range(0, runs, SIDE_BY_SIDE):
        model = _ridge(bench)
        for _ in range(min(SIDE_BY_SIDE, runs - start)):
            bench.run(search_best(model.improvement, SIZES, bench.rng, candidates=200))


def _ask_optuna(
    bench: Bench, runs: int, sampler: str, space: dict[str, tuple[str, ...]], told: int = 0
) -> None:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    seed = int(bench.rng.integers(2**31))
    made = {
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed),
        "gp": lambda: optuna.samplers.GPSampler(seed=seed),
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
    }[sampler]()
    study = optuna.create_study(direction="maximize", sampler=made)
    ranges = {
        name: optuna.distributions.CategoricalDistribution(options)
        for name, options in space.items()
        if len(options) > 1
    }
    names = [t.name for t in ARTICLE.tricks]
    fixed = {name: options[0] for name, options in space.items()}
    for row, value in zip(bench.rows[:told], bench.values[:told], strict=True):
        params = {n: ARTICLE.tricks[k].options[row[k]] for k, n in enumerate(names)}
        if all(o in space[n] for n, o in params.items()):
            study.add_trial(
                optuna.create_trial(
                    params={n: params[n] for n in ranges}, distributions=ranges, value=value
                )
            )
    for _ in range(runs):
        trial = study.ask(ranges)
        study.tell(trial, bench.run(row_of({**fixed, **trial.params})))


STRATEGIES: dict[str, Strategy] = {
    "one at a time, what is better": combine_claimed,
    "one at a time, what probably helps": combine,
    "screen, confirm": screen_and_confirm,
    "screen, TPE, confirm": screen_and_tpe,
    "screen, ridge, confirm": screen_and_ridge,
    "TPE": scratch("tpe"),
    "GP": scratch("gp"),
    "random": scratch("random"),
    "successive halving": halving,
}
KINDS = ("additive", "dense", "sparse")
BUDGETS = (16, 32, 64, 128)
SLOW = {"GP": 5}
"""Strategies that take minutes, and by how much fewer worlds they are tried in."""


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
        has = {(t.name, t.options[level]) for t, level in zip(ARTICLE.tricks, end.row, strict=True)}
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


def main() -> None:
    """Print the table of docs/designs.md, line by line as it is simulated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--runs", type=int, nargs="+", default=BUDGETS)
    parser.add_argument("--without", nargs="*", default=(), choices=STRATEGIES)
    arguments = parser.parse_args()
    outcomes = []
    print("| runs | strategy | " + " | ".join(KINDS) + " | found | worse | too high by |")
    print("|---:|---|" + "---:|" * (len(KINDS) + 3))
    strategies = [name for name in STRATEGIES if name not in arguments.without]
    for runs, name in itertools.product(arguments.runs, strategies):
        worlds = max(arguments.repeats // SLOW.get(name, 1), 2)
        line = [evaluate(name, kind, runs, worlds) for kind in KINDS]
        outcomes += line
        cells = " | ".join(f"{outcome.share:.0f}" for outcome in line)
        quoted = [o.too_high for o in line if o.too_high is not None]
        worse = float(np.mean([o.worse for o in line]))
        high = f"{np.mean(quoted):+.2f}" if quoted else ""
        print(
            f"| {runs} | {name} | {cells} | {line[0].found:.0f} | {worse:.0f} | {high} |",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(o) for o in outcomes], indent=1) + "\n")


if __name__ == "__main__":
    main()
