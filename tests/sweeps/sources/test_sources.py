"""Tables of runs from where people keep them, made by the real packages or as they write them."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sqlite3
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from mlflow import MlflowClient

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.tables.table import RunTable
from darkmagic.sweeps.sources.frame import read_frame
from darkmagic.sweeps.sources.judge import judge
from darkmagic.sweeps.sources.mlflow_runs import read_mlflow
from darkmagic.sweeps.sources.read import read_source
from darkmagic.sweeps.sources.tensorboard_runs import read_scalars, read_tensorboard
from darkmagic.sweeps.sources.text import read_text
from darkmagic.sweeps.track.store import open_client

DATA = Path(__file__).parent / "data"
RUNS = "name,seed,val_acc\nbase,0,0.90\nbase,1,0.91\nb,0,0.95\nb,1,0.96\n"
ROWS = (("base", "0", "0.90"), ("base", "1", "0.91"), ("b", "0", "0.95"), ("b", "1", "0.96"))


def _text(content: bytes | str) -> RunTable:
    return read_text("runs.csv", content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(
    "content",
    [
        RUNS,
        RUNS.replace("\n", "\r\n"),
        RUNS.replace("\n", "\r"),
        RUNS.replace(",", ";"),
        RUNS.replace(",", "\t"),
        RUNS.replace(",", "|"),
        RUNS.rstrip("\n"),
        "\n\n" + RUNS + "\n,,\n\n",
        "sep=;\n" + RUNS.replace(",", ";"),
        RUNS.replace("base", '"base"').replace("name", ' "name"'.strip()),
        "\ufeff" + RUNS,
        RUNS.encode("utf-16"),
        RUNS.encode("utf-32"),
        ",name,seed,val_acc\n" + "".join(f"{i},{','.join(r)}\n" for i, r in enumerate(ROWS)),
        "| name | seed | val_acc |\n|---|--:|:-:|\n" + "".join(f"|{'|'.join(r)}|\n" for r in ROWS),
        "Some prose.\n\nname|seed|**val_acc**\n-|-|-\n"
        + "".join(f"{'|'.join(r)}\n" for r in ROWS)
        + "\nMore prose, with commas.\n",
    ],
)
def test_text_of_any_make_is_the_same_table(content: bytes | str) -> None:
    """Separators, line ends, marks, empty lines, a DataFrame's numbers, Markdown around a table."""
    table = _text(content)
    assert table.columns == ("name", "seed", "val_acc")
    assert table.rows == ROWS


def test_text_that_is_no_utf8_is_read_and_said() -> None:
    """Windows' letters are read as such, and the note names the first line that has some."""
    table = _text(RUNS.replace("b,0", "b\xe4r,0").encode("cp1252"))
    assert table.rows[2][0] == "b\xe4r"
    assert table.notes == ("Line 4 of runs.csv is no UTF-8; all of it was read as Windows-1252.",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "runs.csv is empty"),
        ("\ufeff \n \n", "runs.csv is empty"),
        ("name,acc\n", r"has a head \(name, acc\) and no runs"),
        (bytes(range(256)), "runs.csv is no text"),
        (b"\xff\xfea", "no utf-16"),
        ("a,b\n1,2,3\n", "line 2 of runs.csv has 3 cells where its head has 2"),
        ("a,a\n1,2\n", "two columns 'a'"),
        ('a,b\n1,"2\n', "line 2 of runs.csv cannot be read as CSV"),
        ('{"a": 1}\n{"a": }\n', "line 2 of runs.csv is no JSON"),
        ('{"a": 1}\n[2]\n', "line 2 of runs.csv is no object"),
        ("[]", "has no runs"),
        ("{}", "has no runs"),
        ("[1, 2]", "run 1 of runs.csv is no object"),
        ('{"a": [1], "b": [1, 2]}', "columns of different lengths"),
        ("[" * 100_000, "runs.csv is nested too deeply"),
        ('{"a": 1}\n' + '{"a":' * 100_000, "line 2 of runs.csv is nested too deeply"),
    ],
)
def test_text_that_is_no_table_is_one_line(content: bytes | str, message: str) -> None:
    """The message says what is wrong and in which line."""
    with pytest.raises(UserError, match=message) as raised:
        _text(content)
    assert "\n" not in str(raised.value)


def test_json_is_flat_whatever_its_shape() -> None:
    """An array, lines and an object of lists give one table; nested objects are columns."""
    runs = [{"config": {"opt": "sgd", "seed": 0}, "acc": 0.5}, {"acc": None, "tags": ["a"]}]
    array, lines = _text(json.dumps(runs)), _text("\n".join(map(json.dumps, runs)))
    assert array.columns == lines.columns == ("config.opt", "config.seed", "acc", "tags")
    assert array.rows == lines.rows == (("sgd", 0.0, 0.5, None), (None, None, None, '["a"]'))
    assert (array.places[1], lines.places[1]) == ("run 2", "line 2")
    assert array.settings == ("config.opt", "config.seed")
    assert _text('{"a": [1, 2], "b": ["x", null]}').rows == ((1.0, "x"), (2.0, None))
    assert _text('[{"a": NaN}]').rows[0][0] != _text('[{"a": 1}]').rows[0][0]


def test_wandb_export_has_its_summaries_and_configuration() -> None:
    """Written by W&B's own package, as its documentation says: cells that are dictionaries."""
    found = judge(str(DATA / "wandb.csv"), "val_acc", "sgd")
    assert found.columns.trials == ("optimizer",)
    assert found.columns.seed == "seed"
    assert found.verdicts == {"adam": "worse", "lion": "no difference detected"}
    failed = judge(str(DATA / "wandb.csv"), "val_loss", "sgd")
    assert failed.verdicts["lion"] == "failed"  # one of its losses is nan


def test_wandb_table_of_the_page_is_a_csv_with_states() -> None:
    """The runs table's export has a column `State`, and settings beside results."""
    head = '"Name","State","Notes","User","Tags","Created","Runtime","Sweep","lr","seed","val_acc"'
    lines = [
        f'"{name}-{seed}","{state}","-","me","","2026-01-0{seed + 1}T00:00:00.000Z","60","",'
        f'"{lr}","{seed}","{acc}"'
        for name, lr, level in (("a", "0.1", 0.90), ("b", "0.2", 0.95), ("c", "0.3", 0.90))
        for seed in range(3)
        for state in ["crashed" if (name, seed) == ("c", 1) else "finished"]
        for acc in [level + 0.001 * seed]
    ]
    table = _text("\n".join([head, *lines]))
    assert table.columns[:2] == ("Name", "State")
    (path := Path("export.csv")).write_text("\n".join([head, *lines]))
    found = judge(path, "val_acc", "0.1", trial="lr")
    assert found.verdicts == {"lr=0.2": "better", "lr=0.3": "failed"}


def test_event_files_of_tensorboard_s_own_writer_are_read() -> None:
    """Scalars in both ways that torch's writer has, of every step, to a float's precision."""
    table = read_tensorboard(DATA / "tensorboard")
    assert table.columns == ("run", "step", "val/acc", "val/loss")
    assert len(table.rows) == 2 * 3 * 3
    assert table.rows[0][:2] == ("base/seed_0", 0.0)
    assert [row[3] for row in table.rows[:3]] == pytest.approx([0.7, 0.6, 0.5])
    found = judge(str(DATA / "tensorboard"), "val/acc", "base")
    assert found.verdicts == {"mixup": "better"}
    assert found.report.rows[1].difference == pytest.approx(0.03, abs=0.005)


def test_event_file_with_more_than_scalars_gives_the_scalars() -> None:
    """Histograms and text of tensorboardX are left out."""
    table = read_tensorboard(DATA / "tensorboardx")
    assert table.columns == ("run", "step", "val/acc")
    assert table.rows == (("tensorboardx", 0.0, 0.5), ("tensorboardx", 7.0, 0.75))


@pytest.mark.parametrize("cut", [1, 8, 11, 12, 30, 100, 200])
def test_event_file_that_was_cut_off_gives_what_is_whole(tmp_path: Path, cut: int) -> None:
    """A run that was killed leaves half a record; damage in it is no error either."""
    [whole] = (DATA / "tensorboard" / "base" / "seed_0").iterdir()
    content = whole.read_bytes()
    path = tmp_path / "events.out.tfevents.1"
    path.write_bytes(content[:-cut])
    assert list(read_scalars(path)) == list(read_scalars(whole))[: len(list(read_scalars(path)))]
    path.write_bytes(struct.pack("<Q", 2**40) + content)
    assert list(read_scalars(path)) == []


def test_folder_without_scalars_is_refused(tmp_path: Path) -> None:
    """An event file without a scalar is no run."""
    (tmp_path / "events.out.tfevents.1").write_bytes(b"")
    with pytest.raises(UserError, match=r"no event file below .* has a scalar"):
        read_source(str(tmp_path))


FRAME = {"name": ["base", "base", "b", "b"], "seed": [0, 1, 0, 1], "acc": [0.9, 0.91, 0.95, 0.96]}


@pytest.mark.parametrize(
    "data",
    [
        FRAME,
        pd.DataFrame(FRAME),
        pd.DataFrame(FRAME).set_index(["name", "seed"]),
        pd.DataFrame(FRAME).astype({"name": "category", "seed": "Int64", "acc": "float32"}),
        pd.DataFrame(FRAME).convert_dtypes(),
        [dict(zip(FRAME, row, strict=True)) for row in zip(*FRAME.values(), strict=True)],
        {name: np.array(cells) for name, cells in FRAME.items()},
    ],
    ids=["dict", "frame", "index", "types", "nullable", "list", "arrays"],
)
def test_frame_of_any_make_is_judged(data: Any) -> None:
    """Pandas' types, its index, plain Python and arrays of numpy."""
    found = judge(data, "acc", "base")
    assert found.verdicts == {"b": "better"}
    assert found.columns.seed == "seed"


def test_missing_cells_of_a_frame_are_failures_and_columns_may_have_levels() -> None:
    """NaN, None and NA are failed runs; a column of two levels has both in its name."""
    frame = pd.DataFrame({**FRAME, "acc": pd.array([0.9, 0.91, 0.95, None], dtype="Float64")})
    assert judge(frame, "acc", "base").verdicts == {"b": "failed"}
    levels = pd.DataFrame(FRAME)
    levels.columns = pd.MultiIndex.from_tuples([("run", "name"), ("run", "seed"), ("val", "acc")])
    assert judge(levels, "val.acc", "base").verdicts == {"b": "better"}
    assert "better" in judge(levels, "acc", "base")._repr_markdown_()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (3, "int is no table of runs"),
        ([1, 2], "a dictionary for each"),
        ([], "is empty"),
        (pd.DataFrame(), "the DataFrame is empty"),
        ({"a": [1], "b": [1, 2]}, "columns of different lengths"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns 'a'"),
    ],
)
def test_object_that_is_no_table_is_refused(data: Any, message: str) -> None:
    """What is handed over from a notebook has its one line too."""
    with pytest.raises(UserError, match=message):
        read_frame(data)


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with studies of Optuna's: a database of two, and a journal."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folder = tmp_path_factory.mktemp("optuna")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        backend = optuna.storages.journal.JournalFileBackend(str(folder / "journal.log"))
        journal = optuna.storages.JournalStorage(backend)
    database = f"sqlite:///{folder}/optuna.db"

    def objective(trial: optuna.Trial) -> float:
        lr = trial.suggest_categorical("lr", [0.1, 0.2])
        trial.set_user_attr("seed", trial.number // 2)
        if trial.number == 9:
            raise optuna.TrialPruned
        return float(lr) + 0.001 * (trial.number % 3)

    for storage, name in ((database, "one"), (journal, "one")):
        sampler = optuna.samplers.GridSampler({"lr": [0.1, 0.2]}, seed=0)
        study = optuna.create_study(storage=storage, study_name=name, sampler=sampler)
        for number in range(10):
            study.enqueue_trial({"lr": [0.1, 0.2][number % 2]})
        study.optimize(objective, n_trials=10)
    both = optuna.create_study(
        storage=database, study_name="two", directions=["maximize", "minimize"]
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        both.set_metric_names(["acc", "latency"])
    for number in range(6):
        both.add_trial(
            optuna.trial.create_trial(
                values=[0.9 + 0.1 * (number % 2) + 0.001 * number, 5 + number % 2 + 0.01 * number],
                params={"opt": ["a", "b"][number % 2]},
                distributions={"opt": optuna.distributions.CategoricalDistribution(["a", "b"])},
            )
        )
    return folder


@pytest.mark.parametrize("file", ["optuna.db", "journal.log"])
def test_study_of_optuna_is_judged_in_its_own_direction(studies: Path, file: str) -> None:
    """The study says which way is better; a pruned trial is a failed run."""
    found = judge(str(studies / file), baseline="lr=0.1", study="one")
    assert found.verdicts == {"lr=0.2": "failed"}
    assert found.report.rows[1].reason == "state PRUNED"
    assert found.report.comparison.metric.direction == "min"
    assert found.columns.seed == "seed"


def test_study_of_several_objectives_asks_for_one(studies: Path) -> None:
    """Each objective has its own direction, and the name that the study gives it."""
    store = str(studies / "optuna.db")
    with pytest.raises(UserError, match=r"which column .* one of acc, latency"):
        judge(store, study="two", baseline="a")
    assert judge(store, "acc", "a", study="two").verdicts == {"b": "better"}
    assert judge(store, "latency", "a", study="two").verdicts == {"b": "worse"}
    with pytest.raises(UserError, match=r"which study of .*; say --study, choose from: one, two"):
        judge(store)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return an MLflow store with an experiment whose names clash, and one that is empty."""
    uri = f"sqlite:///{tmp_path_factory.mktemp('mlflow')}/mlflow.db"
    client = open_client(uri)
    client.create_experiment("empty")
    experiment = client.create_experiment("clash")
    parent = client.create_run(experiment, run_name="parent").info.run_id
    for number in range(6):
        opt = ["sgd", "adam"][number % 2]
        run = client.create_run(
            experiment, run_name=f"{opt}-{number}", tags={"mlflow.parentRunId": parent, "team": "x"}
        ).info.run_id
        client.log_param(run, "opt", opt)
        client.log_param(run, "lr", "0.1")
        client.log_param(run, "status", "fine")
        for step in range(2):
            client.log_metric(run, "lr", 0.1, step=step)
            client.log_metric(run, "loss", 1 - 0.5 * (number % 2) + 0.01 * number - step, step=step)
        client.set_terminated(run, "FAILED" if number == 5 else "FINISHED")
    return uri


def test_mlflow_experiment_is_a_table_of_its_runs(store: str) -> None:
    """Metrics by their last value; names that several kinds have say which is meant."""
    table = read_mlflow(store, "clash")
    assert {"params.lr", "metrics.lr", "loss", "team", "info.status"} <= set(table.columns)
    assert len(table.rows) == 6
    assert table.notes == ("1 parent runs without metrics are left out.",)
    found = judge(store, "loss", "opt=sgd")
    assert found.verdicts == {"adam": "failed"}
    assert found.report.rows[0].accuracy == pytest.approx(0.02)
    assert MlflowClient(store).get_experiment_by_name("clash") is not None


def test_experiments_with_runs_are_found_in_as_many_questions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not in one for each experiment there is, of which a team's server has thousands."""
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    client = open_client(uri)
    experiments = [client.create_experiment(f"e{number}") for number in range(30)]
    asked: list[int] = []
    search = MlflowClient.search_runs

    def counting(self: MlflowClient, ids: list[str], *args: Any, **kwargs: Any) -> Any:
        asked.append(len(ids))
        return search(self, ids, *args, **kwargs)

    monkeypatch.setattr(MlflowClient, "search_runs", counting)
    for filled, questions, said in (
        ([], 1, "no experiment at .* has runs"),
        ([7, 4], 3, "one of: e7, e4$"),
        (range(12, 30, 2), 9, r"one of: (e\d+, ){8}\.\.\.$"),
    ):
        for number in filled:
            client.create_run(experiments[number])
        asked.clear()
        with pytest.raises(UserError, match=said):
            read_mlflow(uri, None)
        assert len(asked) == questions, asked


def test_store_of_mlflow_is_only_read(store: str, tmp_path: Path) -> None:
    """A store without an experiment is refused, and neither it nor another is changed."""
    path = tmp_path / "copy.db"
    shutil.copy(store.removeprefix("sqlite:///"), path)
    before = path.read_bytes()
    judge(str(path), "loss", "opt=sgd", experiment="clash")
    assert path.read_bytes() == before
    with pytest.raises(UserError, match=r"no experiment 'cash' at .*; did you mean clash"):
        judge(str(path), experiment="cash")
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("DELETE FROM experiments")
        database.commit()
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"MLflow's database .* has no experiment"):
        judge(str(path))
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir() if "copy" in p.name] == ["copy.db"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("no.db", "no file no.db"),
        ("x" * 300, "a file's name has up to 255 bytes"),
        ("sqlite:///" + "x" * 300, "a file's name has up to 255 bytes"),
        ("fifo.csv", r"is no file; pipe what it has: cat fifo.csv \|"),
        ("/dev/null", "is no file"),
        ("sqlite:///no.db", "no database no.db"),
        ("sqlite+pysqlite:///no.db?x=1", "no database no.db"),
        ("other.db", "neither of MLflow's nor of Optuna's"),
        ("broken.db", "cannot be read as a database"),
    ],
)
def test_store_that_is_none_is_one_line(tmp_path: Path, source: str, message: str) -> None:
    """Nothing is made where a store was expected."""
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as database:
        database.execute("CREATE TABLE mine (x)")
        database.commit()
    os.mkfifo(tmp_path / "fifo.csv")
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + b"x" * 5000)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(UserError, match=message):
        read_source(source)
    assert sorted(tmp_path.iterdir()) == before


def test_folder_of_mlflow_s_old_store_is_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow writes such folders no longer; people have them."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = MlflowClient((tmp_path / "mlruns").as_uri())
        experiment = client.create_experiment("old")
        for number in range(6):
            run = client.create_run(experiment).info.run_id
            client.log_param(run, "opt", ["sgd", "adam"][number % 2])
            client.log_metric(run, "acc", 0.9 + 0.05 * (number % 2) + 0.001 * number)
            client.set_terminated(run)
        monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE")
        assert judge(tmp_path / "mlruns", "acc", "sgd").verdicts == {"adam": "better"}
