"""Rates that are picked before rows are compared, in real sweeps on tiny data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import BASELINE
from darkmagic.sweeps import api
from darkmagic.sweeps.commands.confirm import confirm_winners
from darkmagic.sweeps.commands.plan import plan_request
from darkmagic.sweeps.compose.request import Request
from darkmagic.sweeps.compose.session import compose, group_options, hydra_session
from darkmagic.sweeps.orchestrate.report import load_report
from darkmagic.sweeps.trial.identity import resolve
from sweeping import Recorder, Swept, run

MINE = (
    "checklist.tricks=[{name: optimizer, section: s, options: [sgd_nesterov, adam]},"
    "{name: mixup, section: s, options: ['off', 'on']}]"
)
WORDS = [MINE, "epochs=1", "max_steps=2", "floor=0", "runtime.experiment=mine"]


@pytest.fixture(scope="module")
def laddered(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Run a sweep of one seed whose rates are picked from a ladder."""
    words = [*WORDS, "retune=ladder"]
    return run(tmp_path_factory.mktemp("retune"), words)


def _tries(folder: Path, figure: str = "val_accuracy") -> dict[str, dict[float, float]]:
    """Return the figure of each try by row and rate, from the trials' own files."""
    found: dict[str, dict[float, float]] = {}
    for path in (folder / "mine").glob("*-s1000000-*/result.json"):
        config = (path.parent / "config.yaml").read_text()
        rate = 1.0
        if "learning_rate:" in config:
            rate = float(config.partition("learning_rate:")[2].partition("factor: ")[2].split()[0])
        name = path.parent.name.rsplit("-s1000000-", 1)[0]
        found.setdefault(name, {})[rate] = json.loads(path.read_text())[figure]
    return found


def test_each_row_that_needs_a_rate_takes_the_best_of_its_tries(laddered: Swept) -> None:
    """The baseline and the optimizer are tried at three rates; mixup has the baseline's."""
    tries = _tries(laddered.folder)
    assert {name: len(rates) for name, rates in tries.items()} == {
        "baseline": 3,
        "optimizer=adam": 3,
    }
    rates = {record.name: record.rates["lr"] for record in laddered.outcome.records}
    for name, tried in tries.items():
        assert tried[rates[name]] == max(tried.values())
    assert rates["mixup=on"] == rates[BASELINE]
    assert {record.seed for record in laddered.outcome.records} == {0}


@pytest.mark.weekly
@pytest.mark.parametrize("mode", [["ladder"], ["optuna", "retune_tries=3"]])
def test_rates_are_picked_by_a_loss_that_decides(tmp_path: Path, mode: list[str]) -> None:
    """With metric=loss the rate with the lowest loss is picked, whatever its accuracy."""
    swept = run(tmp_path, [*WORDS, "metric=loss", f"retune={mode[0]}", *mode[1:]])
    tries = _tries(swept.folder, "val_loss")
    rates = {record.name: record.rates["lr"] for record in swept.outcome.records}
    assert tries.keys() == {"baseline", "optimizer=adam"}
    for name, tried in tries.items():
        assert len(tried) == 3
        assert tried[rates[name]] == min(tried.values())


def test_picked_rates_are_in_the_report_from_the_store(laddered: Swept) -> None:
    """MLflow alone tells at which rate each row was compared."""
    rows = {row.name: row for row in load_report(laddered.uri, "mine").rows}
    rates = {record.name: dict(record.rates) for record in laddered.outcome.records}
    assert rows["optimizer=adam"].rates == rates["optimizer=adam"]
    assert rows["optimizer=adam"].untuned == ("decay",)
    assert rows["mixup=on"].rates == {}
    assert not any("rate not retuned" in row.verdict_text for row in rows.values())
    notes = [note for note in laddered.progress.notes if note.startswith("rates picked")]
    assert len(notes) == 1


def test_more_seeds_of_a_retuned_sweep_keep_its_rates(laddered: Swept) -> None:
    """Extended by a seed of one row, nothing is tried again and every run has the row's rate."""
    before = len(list((laddered.folder / "mine").glob("*-s1000000-*")))
    again = run(laddered.folder, [*WORDS, "retune=ladder", "seeds=+1", "only=optimizer"])
    assert len(list((laddered.folder / "mine").glob("*-s1000000-*"))) == before
    of_adam = [record for record in again.outcome.records if record.name == "optimizer=adam"]
    assert [record.seed for record in of_adam] == [0, 1]
    assert len({record.rates["lr"] for record in of_adam}) == 1
    assert not any(note.startswith("rates picked") for note in again.progress.notes)


def test_confirmation_is_planned_at_the_rates_of_its_sweep(laddered: Swept) -> None:
    """It is on the test set, which the sweep that it confirms has not touched."""
    rates = {record.name: dict(record.rates) for record in laddered.outcome.records}
    request = Request(combination={"optimizer": "adam"}, seeds=(1000,))
    planned = plan_request([*laddered.overrides, "test_set=true"], request)
    assert planned.rates == {name: rates[name] for name in (BASELINE, "optimizer=adam")}


@pytest.mark.weekly
def test_confirmation_of_a_retuned_sweep_keeps_its_rates(tmp_path: Path) -> None:
    """On the test set, with fresh seeds, the baseline and what is taken have their rows' rates.

    The loss of a recipe that hardly moves is lowest at the largest rate, on any machine.
    """
    words = ["checklist.tricks=[{name: optimizer, section: s, options: [sgd_nesterov, adam]}]"]
    words += ["lr=0.001", "adam_lr=0.0001", "metric=loss", "retune=ladder", *WORDS[1:]]
    swept = run(tmp_path, words)
    rates = {record.name: record.rates["lr"] for record in swept.outcome.records}
    assert rates[BASELINE] != 1.0
    done = confirm_winners(swept.overrides, Recorder(), take=["optimizer=adam"], seeds=1)
    assert done is not None
    trained = {}
    for path in done.file.parent.glob("*-s1000-*/config.yaml"):
        trick = yaml.safe_load(path.read_text())["tricks"].get("learning_rate")
        trained[path.parent.name.rsplit("-s1000-", 1)[0]] = (
            1.0 if trick is None else trick["factor"]
        )
    assert trained == {
        "baseline": rates[BASELINE],
        "combination=optimizer=adam": rates["optimizer=adam"],
    }


def test_sweep_without_retuning_is_another_one(laddered: Swept) -> None:
    """The same checklist at the baseline's rate has its own table, whose row says so."""
    plain = run(laddered.folder, WORDS)
    rows = {row.name: row for row in load_report(plain.uri, "mine").rows}
    assert all(row.rates == {} for row in rows.values())
    assert rows["optimizer=adam"].untuned == ("lr", "decay")
    assert rows["mixup=on"].untuned == ()


@pytest.mark.weekly
def test_optuna_tries_rates_and_decays_as_often_for_each(tmp_path: Path) -> None:
    """Each row has as many tries, the first at its own rates, and a second call asks for none."""
    words = [*WORDS, "retune=optuna", "retune_tries=2"]
    swept = run(tmp_path, words)
    rates = {record.name: set(record.rates) for record in swept.outcome.records}
    assert rates["optimizer=adam"] == {"lr", "decay"}
    folders = sorted(path.name for path in (tmp_path / "mine").glob("*-s1000000-*"))
    assert [name.rsplit("-s", 1)[0] for name in folders] == ["baseline"] * 2 + [
        "optimizer=adam"
    ] * 2
    again = run(tmp_path, words)
    assert again.progress.trials == []
    assert sorted(path.name for path in (tmp_path / "mine").glob("*-s1000000-*")) == folders
    assert {r.name: r.rates for r in again.outcome.records} == {
        r.name: r.rates for r in swept.outcome.records
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["retune=lader"], "ladder"),
        (["retune=ladder", "trick/learning_rate=x3"], "picks trick/learning_rate for each row"),
        (["retune=optuna", "design=screen"], "in a screen the rate is a trick of its own"),
        (["retune=optuna", "retune_tries=1"], "retune_tries"),
        (["retune=ladder", "checklist=transformer"], "compares learning_rate itself"),
    ],
)
def test_what_cannot_be_retuned_is_one_line(words: list[str], said: str) -> None:
    """A request that does not fit names what does, before anything is trained."""
    with pytest.raises(UserError, match=said):
        api.plan(words)


@pytest.mark.parametrize(
    ("trick", "names"),
    [
        ("optimizer", ("lr", "decay")),
        ("batch_size", ("lr",)),
        ("normalization", ("lr",)),
        ("model_size", ("lr",)),
        ("lr_regime", ("lr",)),
        ("lr_warmup", ("lr",)),
        ("mixup", ()),
        ("augmentation", ()),
    ],
)
def test_options_name_what_is_retuned_with_them(trick: str, names: tuple[str, ...]) -> None:
    """Each option's file says it, and no trial's configuration has a word of it."""
    with hydra_session() as hydra:
        options = group_options(hydra.config_loader, f"trick/{trick}")
        rows = f"[{{name: {trick}, section: s, options: {json.dumps(options)}}}]"
        planned = api.plan([f"checklist.tricks={rows}"])
    listed = planned.plan.checklist.tricks[0]
    assert {listed.retune.get(option, ()) for option in listed.options} == {names}
    with hydra_session() as hydra:
        last = planned.plan.overrides[-1]
        assert "retune" not in resolve(compose(hydra.config_loader, last))["tricks"][trick]


@pytest.mark.parametrize(
    ("line", "said"),
    [("retune: lr", "write a list"), ("retune: [rate]", "lr"), ("retune: [lr, [decay]]", "names")],
)
def test_option_that_names_what_cannot_be_tuned_is_refused(
    tmp_path: Path, line: str, said: str
) -> None:
    """A user's own option with a remark that cannot be read is named with its file."""
    folder = tmp_path / "trick" / "mixup"
    folder.mkdir(parents=True)
    text = "# @package tricks.mixup\n_target_: darkmagic.trainers.tricks.mixup.Mixup\nalpha: 0.1\n"
    (folder / "mine.yaml").write_text(text + line + "\n")
    rows = "checklist.tricks=[{name: mixup, section: s, options: ['off', mine]}]"
    with pytest.raises(UserError, match=rf"trick/mixup/mine: .*{said}"):
        api.plan([rows], [tmp_path])
