"""Adding seeds to a sweep, and confirming its winners."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.records import Status
from darkmagic.sweeps import api
from darkmagic.sweeps.commands.confirm import confirm_winners
from darkmagic.sweeps.compose.request import split_request
from darkmagic.sweeps.orchestrate.finish import finish
from darkmagic.sweeps.orchestrate.report import load_report
from sweeping import TINY, Recorder, Swept, run

TWO_TRICKS = (
    "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}, "
    "{name: weight_decay, section: s, options: [generic, higher]}]"
)
SWEEP_OVERRIDES = [TWO_TRICKS, "epochs=1", "seeds=2", "baseline_repeats=1", "floor=0"]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Two tricks, two seeds each."""
    return run(tmp_path_factory.mktemp("going_on"), SWEEP_OVERRIDES)


def test_request_is_split_from_the_overrides() -> None:
    """Overrides that depend on earlier runs are split off; the others start the sweep again."""
    overrides = ["epochs=3", "seeds=+2", "only=[mixup, lr_regime]", "runtime.experiment='x y'"]
    plain, request = split_request(overrides, ["--config-dir", "conf"])
    assert plain == ["epochs=3", "runtime.experiment='x y'"]
    assert (request.more_seeds, request.only) == (2, ("mixup", "lr_regime"))
    assert request.overrides == ("epochs=3", "--name", "x y", "--config-dir", "conf")
    assert split_request(["seeds=3", "baseline_repeats=6"])[1].overrides == ()


def test_trial_trained_again_has_ended_in_mlflow(tmp_path: Path) -> None:
    """A trial whose result was lost is trained again, and its run is finished again."""
    one = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"
    overrides = [one, "epochs=1", "floor=0"]
    swept = run(tmp_path, overrides)
    (lost,) = swept.outcome.folder.glob("mixup=on-*/result.json")
    lost.unlink()
    again = run(tmp_path, overrides)
    assert [name for name, _ in again.progress.trials] == ["mixup=on"]
    report = load_report(again.uri, None)
    assert report.comparison.waiting == 0
    assert {status for row in report.comparison.rows for status in row.statuses} == {
        Status.FINISHED
    }


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seeds=+x", "write seeds=\\+2"),
        ("seeds=+0", "write seeds=\\+2"),
        ("only=", "names no trial"),
        ("budget=8d", r"write budget=80 \(runs\), budget=8h or budget=30m"),
    ],
)
def test_unreadable_request_is_refused_with_how_to_write_it(override: str, message: str) -> None:
    """A request that cannot be read is an error that shows how to write it."""
    with pytest.raises(UserError, match=message):
        split_request([override])


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["only=mixp"], "did you mean mixup"),
        (["seeds=+1", "epochs=7"], "there is none of this recipe yet"),
        (["min_effect=-1"], "min_effect=-1: need 0 or more"),
        (["floor=5"], "floor=5: need 0 <= floor <= 1, or null"),
        (["budget=20"], "budget= chooses the seeds of every trial itself; leave out seeds=2"),
        (["baseline_repeats=0"], "baseline_repeats=0: need 1 or more, auto"),
    ],
)
def test_impossible_request_is_refused_by_plan_and_run(
    first: Swept, overrides: list[str], message: str
) -> None:
    """What cannot be trained is the same error in plan and run, before anything starts."""
    with pytest.raises(UserError, match=message):
        api.plan([*first.overrides, *overrides])
    with pytest.raises(UserError, match=message):
        api.run_checklist([*first.overrides, *overrides], Recorder())


def test_added_seeds_train_the_chosen_trials_and_the_baseline(first: Swept) -> None:
    """Added seeds are an interim look of their own, and leave earlier runs as they are."""
    before = {path: path.stat().st_mtime_ns for path in first.outcome.folder.glob("*/result.json")}
    planned = api.plan([*first.overrides, "seeds=+1", "only=mixup"]).plan.trials
    assert [(t.name, t.seed) for t in planned if t.seed == 2] == [("baseline", 2), ("mixup=on", 2)]
    more = run(
        first.folder,
        [*SWEEP_OVERRIDES[:2], "baseline_repeats=1", "floor=0", "seeds=+1", "only=mixup"],
    )
    assert [name for name, _ in more.progress.trials] == ["baseline", "mixup=on"]
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
    assert again.progress.trials == []
    assert load_report(again.uri, None).comparison.rows == report.comparison.rows


def test_undecided_trials_are_found_in_mlflow(first: Swept) -> None:
    """only=undecided chooses trials by MLflow's records, and is an error if all are decided."""
    planned = api.plan([*first.overrides, "seeds=+3", "only=undecided"]).plan.trials
    new = {t.name for t in planned if t.seed >= 3}
    assert new == {"baseline", "mixup=on", "weight_decay=higher"}
    with pytest.raises(UserError, match="no undecided trial"):
        api.plan([*first.overrides, "seeds=+3", "only=undecided", "min_effect=1000"])


def test_power_reads_the_report_of_an_earlier_sweep(first: Swept) -> None:
    """Power has the report of a sweep that has run, and none of one that has not."""
    known = api.power(first.overrides)
    assert known.trials == 2
    assert known.report is not None
    hours = [o for o in first.overrides if not o.startswith(("seeds=", "baseline_repeats="))]
    assert (api.power([*hours, "budget=9h"]).runs or 0) > len(known.report.comparison.rows)
    assert api.power([*first.overrides, "epochs=9"]).report is None


def test_baseline_repeats_give_single_runs_an_interval(tmp_path: Path) -> None:
    """Repeats train the baseline under seeds of their own, and give single runs an interval."""
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


@pytest.mark.weekly
def test_race_spends_its_budget_by_rounds_and_the_same_command_goes_on(tmp_path: Path) -> None:
    """After the first round is cut off, the command trains the rest; then it trains nothing."""
    overrides = [*TINY, TWO_TRICKS, "epochs=1", "floor=0", "budget=10", f"runtime.out='{tmp_path}'"]
    with pytest.raises(UserError, match="give budget=4 or more"):
        api.plan([*overrides, "budget=3"])
    planned = api.plan(overrides, will_train=True)
    assert Counter(t.name for t in planned.plan.trials) == {
        "baseline": 3,
        "mixup=on": 2,
        "weight_decay=higher": 2,
    }
    first_round = api.sweep(planned, Recorder())
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    first_round.tracker.flush()
    following = api.next_round(planned, first_round.records)
    ended = api.run_checklist(overrides, Recorder())
    finish(ended)
    assert len(first_round.records) == 7
    assert len(ended.records) == (7 if following is None else len(following.plan.trials)) <= 10
    comparison = load_report(uri, None).comparison
    assert comparison.look == 1
    assert comparison.rules.race
    again = Recorder()
    api.run_checklist(overrides, again)
    assert again.trials == []
    # What is added later is judged as a race too.
    plain = [override for override in overrides if not override.startswith("budget")]
    finish(api.run_checklist([*plain, "seeds=+1", "only=mixup"], Recorder()))
    assert load_report(uri, None).comparison.rules.race


def test_confirmation_trains_fresh_seeds_once_and_reads_the_test_set(first: Swept) -> None:
    """It trains baseline, combination and each part on fresh seeds; asked again, nothing."""
    take = ["mixup=on", "weight_decay=higher"]
    progress = Recorder()
    done = confirm_winners(first.overrides, progress, take=take, seeds=2)
    assert done is not None
    found = done.confirmation
    assert sorted(found.baseline) == sorted(found.combined) == [1000, 1001]
    assert found.test is not None
    assert found.parts is not None
    assert found.shortfall is not None
    assert found.fresh
    assert "on the test set" in done.file.read_text()
    assert len(progress.trials) == 8
    again = Recorder()
    same = confirm_winners(first.overrides, again, take=take, seeds=2)
    assert same is not None
    assert same.confirmation == found
    assert again.trials == []
    assert found.looks == 1
    # Another seed is another look, and fewer seeds than there are cannot be asked for after that.
    more, fewer = Recorder(), Recorder()
    third = confirm_winners(first.overrides, more, take=take, seeds=3, cheap=True)
    last = confirm_winners(first.overrides, fewer, take=take, seeds=2, cheap=True)
    assert third is not None
    assert last is not None
    assert len(more.trials) == 2
    assert fewer.trials == []
    assert third.confirmation.looks == last.confirmation.looks == 2
    assert sorted(last.confirmation.baseline) == [1000, 1001, 1002]
    assert last.confirmation == third.confirmation
    # The sweep's own report does not see the confirmation's runs.
    assert len(load_report(first.uri, None).comparison.rows) == 3


def test_sweep_never_reads_the_test_set(first: Swept) -> None:
    """No run of a sweep has a test accuracy."""
    assert {record.test_accuracy for record in first.outcome.records} == {None}
    assert {record.status for record in first.outcome.records} == {Status.FINISHED}


def test_confirm_without_a_winner_or_with_a_bad_choice_trains_nothing(first: Swept) -> None:
    """Without a winner there is nothing to confirm; an option that cannot be taken is an error."""
    assert confirm_winners(first.overrides, Recorder()) is None
    mistakes = {"mixup": "TRICK=OPTION", "mixup=off": "baseline's own", "mixp=on": "mixup"}
    for take, message in mistakes.items():
        with pytest.raises(UserError, match=message):
            confirm_winners(first.overrides, Recorder(), take=[take])
    with pytest.raises(UserError, match="no sweep of this recipe"):
        confirm_winners([*first.overrides, "epochs=9"], Recorder())
