"""Adding seeds to a sweep, and confirming its winners."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.records import Status
from darkmagic.sweeps import api
from darkmagic.sweeps.commands.confirm import confirm_winners
from darkmagic.sweeps.compose.request import split_request
from darkmagic.sweeps.orchestrate.report import load_report
from sweeping import Recorder, Swept, run

TWO_TRICKS = (
    "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}, "
    "{name: weight_decay, section: s, options: [generic, higher]}]"
)
SWEEP_OVERRIDES = [TWO_TRICKS, "epochs=1", "seeds=2", "floor=0"]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Two tricks, two seeds each."""
    return run(tmp_path_factory.mktemp("going_on"), SWEEP_OVERRIDES)


def test_words_that_depend_on_the_past_are_taken_off() -> None:
    """And the rest is what asks for the sweep again."""
    words = ["epochs=3", "seeds=+2", "only=[mixup, lr_regime]", "runtime.experiment='x y'"]
    plain, request = split_request(words, ["--config-dir", "conf"])
    assert plain == ["epochs=3", "runtime.experiment='x y'"]
    assert (request.more_seeds, request.only) == (2, ("mixup", "lr_regime"))
    assert request.words == ("epochs=3", "--name", "x y", "--config-dir", "conf")
    assert split_request(["seeds=3", "baseline_repeats=6"])[1].words == ()


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("seeds=+x", "write seeds=\\+2"),
        ("seeds=+0", "write seeds=\\+2"),
        ("only=", "names no trial"),
    ],
)
def test_words_that_cannot_be_read_are_named(word: str, message: str) -> None:
    """With how to write them."""
    with pytest.raises(UserError, match=message):
        split_request([word])


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["only=mixp"], "did you mean mixup"),
        (["seeds=+1", "epochs=7"], "there is none of this recipe yet"),
        (["min_effect=-1"], "min_effect=-1: need 0 or more"),
        (["floor=5"], "floor=5: need 0 <= floor <= 1, or null"),
        (["baseline_repeats=0"], "baseline_repeats=0: need 1 or more, or null"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_starts(
    first: Swept, words: list[str], message: str
) -> None:
    """In plan and run alike."""
    with pytest.raises(UserError, match=message):
        api.plan([*first.words, *words])
    with pytest.raises(UserError, match=message):
        api.run_checklist([*first.words, *words], Recorder())


def test_seeds_are_added_to_the_trials_that_are_asked_for(first: Swept) -> None:
    """And to the baseline; the new runs are a look of their own, the old ones stay."""
    before = {path: path.stat().st_mtime_ns for path in first.outcome.folder.glob("*/result.json")}
    planned = api.plan([*first.words, "seeds=+1", "only=mixup"]).plan.trials
    assert [(t.name, t.seed) for t in planned if t.seed == 2] == [("baseline", 2), ("mixup=on", 2)]
    more = run(first.folder, [*SWEEP_OVERRIDES[:2], "floor=0", "seeds=+1", "only=mixup"])
    assert [name for name, _ in more.view.trials] == ["baseline", "mixup=on"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    report = load_report(more.uri, None)
    rows = {row.name: row for row in report.comparison.rows}
    assert {name: len(row.accuracies) for name, row in rows.items()} == {
        "baseline": 3,
        "mixup=on": 3,
        "weight_decay=higher": 2,
    }
    assert report.comparison.look == 2
    assert more.outcome.parent.run_id == first.outcome.parent.run_id
    # Asked for as before, it shows all there is, and trains nothing.
    again = run(first.folder, SWEEP_OVERRIDES)
    assert again.view.trials == []
    assert load_report(again.uri, None).comparison.rows == report.comparison.rows


def test_the_undecided_are_found_in_mlflow(first: Swept) -> None:
    """Nothing is decided by two runs of one epoch; where all is, it says so."""
    planned = api.plan([*first.words, "seeds=+3", "only=undecided"]).plan.trials
    new = {t.name for t in planned if t.seed >= 3}
    assert new == {"baseline", "mixup=on", "weight_decay=higher"}
    with pytest.raises(UserError, match="no undecided trial"):
        api.plan([*first.words, "seeds=+3", "only=undecided", "min_effect=1000"])


def test_power_knows_the_sweep_that_has_run(first: Swept) -> None:
    """And its number of trials; nothing of one that has not."""
    known = api.power(first.words)
    assert known.trials == 2
    assert known.report is not None
    assert api.power([*first.words, "epochs=9"]).report is None


def test_baseline_repeats_are_trained_once_more(tmp_path: Path) -> None:
    """Under seeds of their own, and buy intervals for single runs."""
    one = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"
    swept = run(tmp_path, [one, "epochs=1", "baseline_repeats=3", "floor=0"])
    assert [(r.name, r.seed) for r in swept.outcome.records] == [
        ("baseline", 0),
        ("mixup=on", 0),
        ("baseline", 1),
        ("baseline", 2),
    ]
    (row,) = load_report(swept.uri, None).comparison.tricks
    assert row.interval is not None


def test_confirmation_trains_both_on_fresh_seeds_and_reads_the_test_set(first: Swept) -> None:
    """Once: asked again, it shows the same and trains nothing."""
    take = ["mixup=on", "weight_decay=higher"]
    view = Recorder()
    done = confirm_winners(first.words, view, take=take, seeds=2)
    assert done is not None
    found = done.confirmation
    assert sorted(found.baseline) == sorted(found.combined) == [1000, 1001]
    assert found.test is not None
    assert found.parts is not None
    parts = {row.name: row for row in load_report(first.uri, None).comparison.tricks}
    expected = sum(row.difference or 0 for row in parts.values())
    assert found.parts.difference == pytest.approx(expected)
    assert "on the test set" in done.file.read_text()
    assert len(view.trials) == 4
    again = Recorder()
    same = confirm_winners(first.words, again, take=take, seeds=2)
    assert same is not None
    assert same.confirmation == found
    assert again.trials == []
    # The sweep's own report does not see the confirmation's runs.
    assert len(load_report(first.uri, None).comparison.rows) == 3


def test_the_sweep_itself_never_reads_the_test_set(first: Swept) -> None:
    """No run of it has a test accuracy."""
    assert {record.test_accuracy for record in first.outcome.records} == {None}
    assert {record.status for record in first.outcome.records} == {Status.FINISHED}


def test_no_winner_is_nothing_to_confirm(first: Swept) -> None:
    """And bad options to take are named."""
    assert confirm_winners(first.words, Recorder()) is None
    mistakes = {"mixup": "TRICK=OPTION", "mixup=off": "baseline's own", "mixp=on": "mixup"}
    for take, message in mistakes.items():
        with pytest.raises(UserError, match=message):
            confirm_winners(first.words, Recorder(), take=[take])
    with pytest.raises(UserError, match="no sweep of this recipe"):
        confirm_winners([*first.words, "epochs=9"], Recorder())
