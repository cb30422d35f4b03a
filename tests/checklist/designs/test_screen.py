"""The trials of a screen: what they tell, what they keep, and what they leave out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from darkmagic.checklist.designs.arrays import columns_in, orthogonal_rows
from darkmagic.checklist.designs.efficiency import d_efficiency, effect_variances, times_smaller
from darkmagic.checklist.designs.exchange import allowed, exchange, log_determinant
from darkmagic.checklist.designs.factors import Limits
from darkmagic.checklist.designs.screen import make_screen, usual_runs
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import SCREEN, Checklist, Trial, Trick
from darkmagic.checklist.plan import expand, plan_seeds

ARTICLE = [3, 3, 2, 2, 3, 3, 2, 2, 2, 3]
"""Options of the article's ten tricks."""
PUBLISHED = {24: 0.935, 20: 0.92, 18: 0.87}
"""D-efficiencies of the best rows of L36 for five tricks of 2 options and five of 3."""


def _checklist(sizes: list[int]) -> Checklist:
    options = [("a", "b", "c", "d", "e")[:size] for size in sizes]
    tricks = (Trick(f"t{number}", "s", own) for number, own in enumerate(options))
    return Checklist("mine", tuple(tricks))


def _rows(trials: list[Trial], checklist: Checklist) -> np.ndarray:
    tricks = checklist.tricks
    return np.array([[t.options.index(trial.choices[t.name]) for t in tricks] for trial in trials])


@pytest.mark.parametrize(("runs", "three", "two"), [(16, 4.2, 6.5), (24, 5.0, 7.4), (36, 5.2, 7.8)])
def test_screen_of_the_article_has_the_variances_it_promises(
    runs: int, three: float, two: float
) -> None:
    """Effects vary this many times less than one at a time, at equal runs."""
    checklist = _checklist(ARTICLE)
    found = times_smaller(_rows(make_screen(checklist, runs), checklist), ARTICLE)
    assert found[3] >= three
    assert found[2] >= two


@pytest.mark.parametrize("runs", list(PUBLISHED))
def test_rows_of_the_mixed_array_are_as_efficient_as_published_and_ours_more(runs: int) -> None:
    """The best rows of L36 reach what is published of them, and a screen exceeds that."""
    from pydoe import get_orthogonal_array

    array = np.asarray(get_orthogonal_array("L36(3^23)")).astype(int)
    rows = array[:, columns_in(array, ARTICLE) or []]
    best = max(d_efficiency(_best_rows(rows, runs, seed), ARTICLE) for seed in range(3))
    assert best == pytest.approx(PUBLISHED[runs], abs=0.03)
    checklist = _checklist(ARTICLE)
    assert d_efficiency(_rows(make_screen(checklist, runs), checklist), ARTICLE) > PUBLISHED[runs]


def _best_rows(rows: np.ndarray, runs: int, seed: int) -> np.ndarray:
    """Exchange rows of `rows` in and out while the determinant grows."""
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(rows))[:runs].tolist()
    grown = True
    while grown:
        grown = False
        for place in range(runs):
            left = [i for i in range(len(rows)) if i not in chosen]
            tried = [[*chosen[:place], i, *chosen[place + 1 :]] for i in left]
            values = [log_determinant(rows[each], ARTICLE) for each in tried]
            if max(values) > log_determinant(rows[chosen], ARTICLE) + 1e-9:
                chosen, grown = tried[int(np.argmax(values))], True
    return rows[chosen]


def test_screen_of_36_runs_is_the_exact_array() -> None:
    """Where a published array fits, a screen is that array: every effect apart from all others."""
    checklist = _checklist(ARTICLE)
    rows = _rows(make_screen(checklist, 36), checklist)
    assert d_efficiency(rows, ARTICLE) == pytest.approx(1)
    assert np.ptp(effect_variances(rows, ARTICLE)[[0, 1]]) < 1e-9


@pytest.mark.parametrize(
    ("sizes", "runs"), [([2] * 7, 8), ([3] * 4, 9), ([2] * 11, 12), ([3] * 13, 27)]
)
def test_orthogonal_array_is_found_and_starts_with_the_baseline(
    sizes: list[int], runs: int
) -> None:
    """Published arrays of several shapes are found by their columns and are fully efficient."""
    rows = orthogonal_rows(sizes, runs)
    assert rows is not None
    assert not rows[0].any()
    assert d_efficiency(rows, sizes) == pytest.approx(1)


def test_more_runs_keep_the_rows_that_exist() -> None:
    """A larger screen has the trials of the smaller one by name, seed and choices, and new ones."""
    checklist = _checklist(ARTICLE)
    before = make_screen(checklist, 20)
    after = make_screen(checklist, 30, known=before)
    assert after[:20] == before
    assert [a.choices for a in after[:20]] == [b.choices for b in before]
    assert len({trial.name for trial in after}) == 30
    assert d_efficiency(_rows(after, checklist), ARTICLE) > 0.96
    assert make_screen(checklist, 20, known=after) == after


def test_trials_of_one_trick_at_a_time_are_counted_in() -> None:
    """Runs of a sweep of one trick at a time are the first of the screen, under their names."""
    checklist = _checklist([3, 2, 2, 3])
    known = expand(checklist, plan_seeds(checklist))
    trials = make_screen(checklist, 14, known=known)
    assert trials[:7] == known
    assert [t.name for t in trials[7:]] == [f"screen-{n:02d}" for n in range(1, 8)]


def test_trial_that_changes_one_trick_has_its_ordinary_name() -> None:
    """All four trials of two tricks are there, and only the one that changes both is new."""
    trials = make_screen(_checklist([2, 2]), 4)
    assert {trial.name for trial in trials} == {"baseline", "t0=b", "t1=b", "screen-01"}
    assert trials[0].trick is None


@given(
    sizes=st.lists(st.integers(2, 4), min_size=2, max_size=5),
    extra=st.integers(0, 8),
    seeds=st.integers(1, 3),
    data=st.data(),
)
@settings(max_examples=12, deadline=None)
def test_screen_respects_conflicts_and_drops_options(
    sizes: list[int], extra: int, seeds: int, data: st.DataObject
) -> None:
    """Of any checklist: no trial has a dropped option or two apart, and none comes twice."""
    checklist = _checklist(sizes)
    options = [(t.name, o) for t in checklist.tricks for o in t.options[1:]]
    dropped = data.draw(st.sets(st.sampled_from(options), max_size=1))
    pairs = [(a, b) for a in options for b in options if a[0] < b[0]]
    apart = data.draw(st.lists(st.sampled_from(pairs), max_size=3, unique=True))
    limits = Limits(dict.fromkeys(dropped, "does not apply"), apart)
    runs = usual_runs(checklist, seeds, limits) + extra
    left = [t for t in checklist.tricks if {(t.name, o) for o in t.options[1:]} - dropped]
    assume(left)
    try:
        trials = make_screen(checklist, runs, seeds=range(seeds), limits=limits)
    except UserError as error:
        if "different trials" not in str(error):
            raise
        return
    assert len(trials) == runs
    assert trials[0].trick is None
    chosen = [set(trial.choices.items()) for trial in trials]
    assert not any(own & dropped for own in chosen)
    assert not any({a, b} <= own for own in chosen for a, b in apart)
    assert (
        len({(tuple(sorted(own)), t.seed) for own, t in zip(chosen, trials, strict=True)}) == runs
    )
    assert {trial.seed for trial in trials} == set(range(seeds))


def test_seeds_are_blocks_of_about_the_same_size() -> None:
    """Three seeds share the runs about evenly, and no option is tied to one of them."""
    checklist = _checklist(ARTICLE)
    trials = make_screen(checklist, 27, seeds=(5, 6, 7))
    counts = [sum(trial.seed == seed for trial in trials) for seed in (5, 6, 7)]
    assert min(counts) >= 8
    blocks = np.array([[trial.seed - 5] for trial in trials])
    rows = np.hstack([_rows(trials, checklist), blocks])
    assert d_efficiency(rows, [*ARTICLE, 3]) > 0.93


@pytest.mark.parametrize(
    ("sizes", "runs", "said"),
    [
        (ARTICLE, 15, "give runs=16 or more (24 know"),
        ([2, 2], 5, "only 4 different trials of these options; give runs=4"),
        ([2, 2], 1001, "give runs=1000 or fewer"),
        ([1], 4, "no options to screen"),
    ],
)
def test_impossible_screen_names_the_nearest_that_is(
    sizes: list[int], runs: int, said: str
) -> None:
    """Too few runs, too many, or nothing to vary is one line that says what can be had."""
    with pytest.raises(UserError) as caught:
        make_screen(_checklist(sizes), runs)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_exchange_fills_a_space_where_little_is_allowed() -> None:
    """Where pairs rule out most of few combinations, all that are left are found, each once."""
    apart = [((0, 1), (1, 1)), ((1, 1), (2, 1))]
    rows = exchange([2, 2, 2], np.zeros((1, 3), int), 7, apart=apart)
    assert allowed(rows, apart)
    assert len(np.unique(rows, axis=0)) == len(rows) == 5


def test_names_of_a_screen_go_on_from_the_last() -> None:
    """New trials are numbered after the highest number that exists, gaps or not."""
    checklist = _checklist([2, 2, 2])
    known = [Trial(SCREEN, "07", "", 0, {"t0": "b", "t1": "b", "t2": "a"})]
    names = [t.name for t in make_screen(checklist, 8, known=known) if t.trick == SCREEN]
    assert names[0] == "screen-07"
    assert names[1] == "screen-08"
