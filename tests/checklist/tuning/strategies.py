"""Strategies for finding the best recipe in so many runs, in any space of recipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from darkmagic.checklist.compare.claims import claims_at
from darkmagic.checklist.designs.crossed.prediction import predict_best
from darkmagic.checklist.designs.fit import Mixed, estimate_screen
from darkmagic.checklist.plan import expand, plan_seeds
from darkmagic.checklist.stats.effects import Effects, estimate_effects
from darkmagic.checklist.stats.linear import Run
from darkmagic.checklist.tuning.ridge import Ridge, fit_ridge, search_best
from survivors import survivors
from worlds import Bench, Row, Space

SCREEN_RUNS = 24
SIDE_BY_SIDE = 4
"""Runs that are asked for before the model sees what they brought."""


@dataclass(frozen=True)
class Found:
    """The recipe that a strategy ends with, and the gain that it would quote of it."""

    row: Row
    quoted: float | None = None


Strategy = Callable[[Bench, int], Found]


def predicted(space: Space, effects: Effects) -> Row:
    """Return the recipe of each trick's best option, by what is left of its effect."""
    best = predict_best(effects, space.options, range(1, len(space.options) + 1))
    return space.row_of(best.choices) if best else space.baseline


def one_at_a_time(bench: Bench, runs: int) -> Effects:
    """Return the effects of as many runs of one trick at a time."""
    space = bench.space
    seeds = runs // (1 + len(space.options))
    repeats = runs - seeds * len(space.options)
    index = {None: 0, **{option: k for k, option in enumerate(space.options, start=1)}}
    drawn = [
        Run(
            index[None if t.trick is None else (t.trick, str(t.option))],
            t.seed,
            bench.run(space.row_of(t.choices)),
        )
        for t in expand(
            space.checklist, plan_seeds(space.checklist, seeds=seeds, baseline_repeats=repeats)
        )
    ]
    return estimate_effects(drawn, 0.0)


def screened(bench: Bench, runs: int) -> Effects:
    """Return the effects of a screen."""
    space = bench.space
    mixed = [
        Mixed(t.name, t.choices, t.seed, bench.run(space.row_of(t.choices)))
        for t in space.screen(runs)
    ]
    return estimate_screen(mixed, space.options, 0.0)


def combine(bench: Bench, runs: int) -> Found:
    """One trick at a time; what probably helps is put together, and its gains are added up."""
    space = bench.space
    effects = one_at_a_time(bench, runs)
    best = predict_best(effects, space.options, range(1, len(space.options) + 1))
    return Found(space.row_of(best.choices), best.gain) if best else Found(space.baseline, 0.0)


def combine_claimed(bench: Bench, runs: int) -> Found:
    """One trick at a time; only what is called better is put together."""
    space = bench.space
    effects = one_at_a_time(bench, runs)
    claims = claims_at(1, effects, [True] * (1 + len(space.options)))
    gains: dict[str, tuple[float, str]] = {}
    for trial, ((trick, option), claim) in enumerate(
        zip(space.options, claims[1:], strict=True), 1
    ):
        if claim.direction > 0:
            gains[trick] = max(
                gains.get(trick, (0.0, "")), (effects.by_trial[trial].difference, option)
            )
    return Found(
        space.row_of({trick: option for trick, (_, option) in gains.items()}),
        sum(gain for gain, _ in gains.values()),
    )


def screen_and_confirm(bench: Bench, runs: int) -> Found:
    """Screen, then train anew its prediction, the best recipe seen and the baseline."""
    each = max(runs // 16 - 1, 0)
    effects = screened(bench, runs - 3 * each)
    guess = predicted(bench.space, effects)
    if not each:
        return Found(guess)
    seen = bench.rows[int(np.argmax(bench.values))]
    return _confirm(bench, list(dict.fromkeys([guess, seen])), each)


def _confirm(bench: Bench, rows: list[Row], each: int) -> Found:
    space = bench.space
    fresh = bench.rerun(list(dict.fromkeys([*rows, space.baseline])), each)
    best = max(rows, key=lambda row: fresh[row])
    return Found(best, fresh[best] - fresh[space.baseline])


def halving(bench: Bench, runs: int) -> Found:
    """Successive halving over recipes drawn at random, whose resource is repeats.

    A third of the runs goes to as many recipes once, the next to the best third of those, and so
    on (Jamieson & Talwalkar 2016); what is left at the end goes to the last one.
    """
    space = bench.space
    bench.run(space.baseline)
    left = runs - 1
    drawn = bench.rng.permutation(len(space.every))[: max(left // 3, 1)]
    alive = [tuple(row) for row in space.every[drawn]]
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
        bench.run(bench.space.baseline)
        tricks = bench.space.checklist.tricks
        _ask_optuna(bench, runs - 1, sampler, {t.name: t.options for t in tricks})
        best = int(np.argmax(bench.values))
        return Found(bench.rows[best], bench.values[best] - bench.values[0])

    return strategy


def screen_and_tpe(bench: Bench, runs: int) -> Found:
    """Screen, ask Optuna's TPE for the options that survived, then train anew the best two seen,
    the screen's prediction and the baseline.
    """
    space = bench.space
    each = _reruns(runs)
    if not each:
        return screen_and_confirm(bench, runs)
    effects = screened(bench, SCREEN_RUNS)
    guess = predicted(space, effects)
    bench.run(guess)
    left = runs - len(bench.rows) - 4 * each
    _ask_optuna(
        bench, left, "tpe", survivors(effects, space.options, space.first), told=len(bench.rows)
    )
    order = np.argsort(-np.array(bench.values)).tolist()
    tried = dict.fromkeys(bench.rows[k] for k in order)
    best_two = [row for row in tried if row != guess][:2]
    return _confirm(bench, [guess, *best_two], each)


def screen_and_ridge(bench: Bench, runs: int) -> Found:
    """Screen, then run where the ridge model expects most, then train anew its best three and the
    baseline; the model of all runs chooses among those. Few runs are all of the screen.
    """
    space = bench.space
    each = _reruns(runs)
    if not each:
        screened(bench, runs)
        found = search_best(lambda rows: _ridge(bench).predict(rows)[0], space.sizes, bench.rng)
        return Found(tuple(int(level) for level in found))
    bench.run(predicted(space, screened(bench, SCREEN_RUNS)))
    _ask_ridge(bench, runs - len(bench.rows) - 4 * each)
    means = _ridge(bench).predict(bench.rows)[0]
    tried = dict.fromkeys(bench.rows[k] for k in np.argsort(-means).tolist())
    top = list(tried)[:3]
    fresh = bench.rerun(list(dict.fromkeys([*top, space.baseline])), each)
    best = top[int(_ridge(bench).predict(top)[0].argmax())]
    return Found(best, fresh[best] - fresh[space.baseline])


def _reruns(runs: int) -> int:
    """Return the fresh runs of each recipe that is confirmed; 0 where a screen takes them all."""
    return max(runs // 16 - 1, 0) if runs >= SCREEN_RUNS + 5 else 0


def _ridge(bench: Bench) -> Ridge:
    return fit_ridge(bench.rows, bench.values, bench.space.sizes)


def _ask_ridge(bench: Bench, runs: int) -> None:
    for start in range(0, runs, SIDE_BY_SIDE):
        model = _ridge(bench)
        for _ in range(min(SIDE_BY_SIDE, runs - start)):
            bench.run(search_best(model.improvement, bench.space.sizes, bench.rng, candidates=200))


def _ask_optuna(
    bench: Bench, runs: int, sampler: str, options: dict[str, tuple[str, ...]], told: int = 0
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
        name: optuna.distributions.CategoricalDistribution(choices)
        for name, choices in options.items()
        if len(choices) > 1
    }
    tricks = bench.space.checklist.tricks
    fixed = {name: choices[0] for name, choices in options.items()}
    for row, value in zip(bench.rows[:told], bench.values[:told], strict=True):
        params = {t.name: t.options[level] for t, level in zip(tricks, row, strict=True)}
        if all(o in options[n] for n, o in params.items()):
            study.add_trial(
                optuna.create_trial(
                    params={n: params[n] for n in ranges}, distributions=ranges, value=value
                )
            )
    for _ in range(runs):
        trial = study.ask(ranges)
        study.tell(trial, bench.run(bench.space.row_of({**fixed, **trial.params})))


STRATEGIES: dict[str, Strategy] = {
    "one at a time, what is better": combine_claimed,
    "one at a time, what probably helps": combine,
    "screen, confirm": screen_and_confirm,
    "screen, TPE, confirm": screen_and_tpe,
    "screen, ridge, confirm": screen_and_ridge,
    "TPE": scratch("tpe"),
    "random": scratch("random"),
    "successive halving": halving,
    "GP": scratch("gp"),
}
