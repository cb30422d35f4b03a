"""The ridge model against its definition, written out, and against what it is for."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from darkmagic.checklist.designs.fit import Mixed, estimate_screen
from darkmagic.checklist.tuning.ridge import fit_ridge, search_best
from screens import ARTICLE, OPTIONS, SIZES, screen_of
from survivors import survivors

EVERY = np.array(list(itertools.product(*map(range, SIZES))), dtype=float)


def _one_hot(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return main and two-factor columns whose product is the kernel that the model uses."""
    columns = []
    for factor, size in enumerate(SIZES):
        centred = np.eye(size)[rows[:, factor].astype(int)] - 1 / size
        columns.append(centred * np.sqrt(size / (size - 1)))
    main = np.hstack([np.ones((len(rows), 1)), *columns])
    pairs = [
        (a[:, :, None] * b[:, None, :]).reshape(len(rows), -1)
        for a, b in itertools.combinations(columns, 2)
    ]
    return main, np.hstack(pairs)


def test_prediction_is_that_of_ridge_regression() -> None:
    """Each of the models that are averaged is ridge regression with penalties of its own."""
    rng = np.random.default_rng(0)
    rows, test = EVERY[rng.permutation(len(EVERY))[:30]], EVERY[:50]
    values = 90 + rows[:, 0] * 0.4 - rows[:, 1] * 0.3 + 0.1 * rng.normal(size=30)
    model = fit_ridge(rows, values, SIZES)
    expected = np.zeros(50)
    for weight, (noise, main, pair) in zip(model.weights, model.variances, strict=True):
        scale = np.concatenate(
            [[np.sqrt(v)] * n for v, n in zip((main, pair), _widths(), strict=True)]
        )
        x, new = (np.hstack(_one_hot(r)) * scale for r in (rows, test))
        penalised = x.T @ x + noise * np.eye(x.shape[1])
        expected += weight * (new @ np.linalg.solve(penalised, x.T @ (values - values.mean())))
    assert model.predict(test)[0] == pytest.approx(values.mean() + expected, abs=1e-6)


def _widths() -> list[int]:
    return [part.shape[1] for part in _one_hot(EVERY[:1])]


@pytest.mark.parametrize("pairs", [0.0, 0.1])
def test_deviations_are_honest(pairs: float) -> None:
    """The true value is about as far from the mean as the model says, with pairs and without."""
    rng = np.random.default_rng(1)
    away = []
    main, products = _one_hot(EVERY)
    for _ in range(20):
        truth = main[:, 1:] @ rng.normal(size=main.shape[1] - 1) * 0.2
        truth += products @ rng.normal(size=products.shape[1]) * pairs
        chosen = rng.permutation(len(EVERY))[:40]
        model = fit_ridge(EVERY[chosen], truth[chosen] + 0.2 * rng.normal(size=40), SIZES)
        some = rng.permutation(len(EVERY))[:100]
        mean, deviation = model.predict(EVERY[some])
        away.append((mean - truth[some]) / deviation)
    assert 0.7 < np.std(np.concatenate(away)) < 1.35


def test_improvement_is_the_expectation_of_what_exceeds_the_best_run() -> None:
    rng = np.random.default_rng(6)
    rows = EVERY[rng.permutation(len(EVERY))[:24]]
    model = fit_ridge(rows, rows.sum(1) + rng.normal(size=24), SIZES)
    mean, deviation = model.predict(EVERY[::500])
    drawn = mean + deviation * rng.standard_normal((20_000, len(mean)))
    expected = np.maximum(drawn - model.predict(rows)[0].max(), 0).mean(0)
    assert model.improvement(EVERY[::500]) == pytest.approx(expected, abs=0.05)


def test_numbers_are_learnt_beside_choices() -> None:
    """The peak of a curve over a number is found, and moved by a choice where both interact."""
    rng = np.random.default_rng(3)
    rows = np.column_stack([rng.integers(2, size=80), rng.random(80)])
    values = -4 * (rows[:, 1] - np.where(rows[:, 0] == 1, 0.7, 0.3)) ** 2
    model = fit_ridge(rows, values + 0.02 * rng.normal(size=80), [2, 0])
    grid = np.linspace(0, 1, 101)
    for choice, peak in ((0, 0.3), (1, 0.7)):
        mean, _ = model.predict(np.column_stack([np.full(101, choice), grid]))
        assert grid[int(mean.argmax())] == pytest.approx(peak, abs=0.08)


@pytest.mark.parametrize(
    ("rows", "values", "sizes"),
    [
        ([[0, 0]], [90.0], [2, 2]),
        ([[0, 0], [0, 0]], [90.0, 90.0], [2, 2]),
        ([[0, 0], [0, 1]], [90.0, 91.0], [1, 2]),
    ],
)
def test_few_or_equal_runs_give_finite_predictions(rows: list, values: list, sizes: list) -> None:
    mean, deviation = fit_ridge(rows, values, sizes).predict([[0, 0], [0, 1]])
    assert np.isfinite(mean).all()
    assert np.isfinite(deviation).all()


def test_search_keeps_to_what_is_allowed() -> None:
    """The best of all rows is found where one lists them, and the best of those allowed."""
    rng = np.random.default_rng(4)
    for _ in range(20):
        weights = rng.normal(size=len(SIZES))

        def score(rows: np.ndarray, weights: np.ndarray = weights) -> np.ndarray:
            return (rows == 1) @ weights

        def allowed(rows: np.ndarray) -> np.ndarray:
            return ~((rows[:, 0] == 1) & (rows[:, 1] == 1))

        found = search_best(score, SIZES, rng, allowed=allowed)
        assert score(found[None])[0] == pytest.approx(score(EVERY[allowed(EVERY)]).max())
    with pytest.raises(ValueError, match="no row is allowed"):
        search_best(score, SIZES, rng, allowed=lambda rows: np.zeros(len(rows), bool))


def test_survivors_keep_the_best_option() -> None:
    """Of 3 options of which one gains more than the spread, it is nearly always kept."""
    rng = np.random.default_rng(5)
    trials, kept, options = screen_of(24), 0, 0
    baseline = {trick.name: trick.options[0] for trick in ARTICLE.tricks}
    for _ in range(100):
        gains = dict(zip(OPTIONS, rng.normal(size=len(OPTIONS)) * 0.3, strict=True))
        runs = [
            Mixed(
                t.name,
                t.choices,
                t.seed,
                sum(gains.get(c, 0) for c in t.choices.items()) + 0.2 * rng.normal(),
            )
            for t in trials
        ]
        found = survivors(estimate_screen(runs, OPTIONS, 0.0), OPTIONS, baseline)
        for trick in ARTICLE.tricks:
            true = {o: gains.get((trick.name, o), 0.0) for o in trick.options}
            kept += max(true, key=lambda option: true[option]) in found[trick.name]
            options += len(found[trick.name])
    assert kept / 1000 > 0.95
    assert options / 1000 < 1.8  # of 2.5: the rest is dropped
