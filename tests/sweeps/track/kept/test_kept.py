"""What MLflow answered, kept beside its store: the same report, and only while it holds."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import random
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.report.write import FORMATS, write_report
from darkmagic.sweeps import mlflow_pages
from darkmagic.sweeps.mlflow_pages import all_experiments
from darkmagic.sweeps.orchestrate.report import load_report, make_report
from darkmagic.sweeps.track.kept import read
from darkmagic.sweeps.track.kept.read import MAX_RUNS, keep_answers, kept_path, read_snapshot
from darkmagic.sweeps.track.kept.state import store_file, store_state
from darkmagic.sweeps.track.snapshot import Snapshot, newest_sweep, take_snapshot
from darkmagic.sweeps.track.store import open_client, search_runs
from report_speed import fill


@dataclasses.dataclass(frozen=True)
class Store:
    """A store with two sweeps: of two trials in three seeds, and of one in two."""

    folder: Path
    first: str
    second: str

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    @property
    def path(self) -> Path:
        return self.folder / "mlflow.db"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Write two sweeps with the project's own tracker."""
    folder = tmp_path_factory.mktemp("filled")
    _, first = fill(folder, 2, 3, 2)
    _, second = fill(folder, 1, 2, 2)
    return Store(folder, first, second)


@pytest.fixture
def store(filled: Store, tmp_path: Path) -> Store:
    """Return the two sweeps in a folder of the test's own, whose answers are kept."""
    shutil.copy(filled.path, tmp_path / "mlflow.db")
    own = dataclasses.replace(filled, folder=tmp_path)
    keep_answers(own.uri, own.second)
    return own


class _AskedError(AssertionError):
    """MLflow was asked."""


@contextlib.contextmanager
def _without_mlflow(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(uri: str) -> object:
        raise _AskedError(uri)

    with monkeypatch.context() as patch:
        patch.setattr(read, "open_client", refuse)
        yield


def _is_kept(store: Store, name: str | None, patch: pytest.MonkeyPatch, **how: bool) -> bool:
    with _without_mlflow(patch):
        try:
            read_snapshot(store.uri, name, **how)
        except _AskedError:
            return False
        return True


def _from_mlflow(store: Store, name: str | None, *, curves: bool = False) -> Snapshot:
    """Return what MLflow says now, by the functions that know nothing of what is kept."""
    client = open_client(store.uri)
    return take_snapshot(client, newest_sweep(client, store.uri, name), curves=curves)


def _same(one: Snapshot, other: Snapshot) -> None:
    assert one == other
    for ours, theirs in zip(one.records, other.records, strict=True):
        assert np.array_equal(ours.correct, theirs.correct)  # type: ignore[arg-type]
    ours, theirs = make_report(one), make_report(other)
    for form in ("md", "json"):
        assert write_report(ours, form) == write_report(theirs, form)


def test_runs_of_several_pages_are_kept(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database's pages have tokens of bytes, on which reports of over 1,000 runs failed.

    Of experiments the first page was read alone.
    """
    monkeypatch.setattr(mlflow_pages, "A_PAGE", 2)
    shutil.copy(filled.path, tmp_path / "mlflow.db")
    own = dataclasses.replace(filled, folder=tmp_path)
    assert len(all_experiments(open_client(own.uri))) == 3  # MLflow's own is there too
    keep_answers(own.uri, own.first)
    with _without_mlflow(monkeypatch):
        kept = read_snapshot(own.uri, own.first)
    assert len(kept.records) == 9
    _same(kept, _from_mlflow(own, own.first))


def test_every_format_is_the_same_from_what_is_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each format has the same bytes from MLflow and from what was kept, the page with curves too.

    What was not asked before is asked of MLflow once, and kept beside the rest.
    """
    assert _is_kept(store, None, monkeypatch)
    assert _is_kept(store, store.second, monkeypatch)
    assert _is_kept(store, None, monkeypatch, curves=True)
    assert not _is_kept(store, store.first, monkeypatch)
    for name in (store.first, store.second, None):
        asked = make_report(_from_mlflow(store, name, curves=True))
        load_report(store.uri, name, curves=True)
        with _without_mlflow(monkeypatch):
            kept = load_report(store.uri, name, curves=True)
        assert kept.curves
        for form in FORMATS:
            assert write_report(kept, form) == write_report(asked, form)
        _same(read_snapshot(store.uri, name), _from_mlflow(store, name))


def test_curves_of_very_many_runs_are_kept_when_they_are_first_asked_for(
    filled: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A table, which has none, is then no slower for them."""
    shutil.copy(filled.path, tmp_path / "mlflow.db")
    own = dataclasses.replace(filled, folder=tmp_path)
    keep_answers(own.uri, own.second, runs=MAX_RUNS + 1)
    assert _is_kept(own, own.second, monkeypatch)
    assert not _is_kept(own, own.second, monkeypatch, curves=True)
    load_report(own.uri, own.second, curves=True)
    assert _is_kept(own, own.second, monkeypatch, curves=True)


def _tag(store: Store) -> None:
    client = open_client(store.uri)
    client.set_tag(_runs(store)[0], "darkmagic.status", "failed")


def _runs(store: Store) -> list[str]:
    client = open_client(store.uri)
    experiment = client.get_experiment_by_name(store.second)
    found = search_runs(client, experiment.experiment_id, {"darkmagic.kind": "trial"})
    return sorted(run.info.run_id for run in found)


def _metric(store: Store) -> None:
    open_client(store.uri).log_metric(_runs(store)[-1], "final.val_accuracy", 0.125)


def _delete_run(store: Store) -> None:
    open_client(store.uri).delete_run(_runs(store)[1])


def _delete_experiment(store: Store) -> None:
    client = open_client(store.uri)
    client.delete_experiment(client.get_experiment_by_name(store.second).experiment_id)


def _rename(store: Store) -> None:
    client = open_client(store.uri)
    client.rename_experiment(client.get_experiment_by_name(store.second).experiment_id, "other")


def _new_sweep(store: Store) -> None:
    shutil.rmtree(store.folder / "trick0000=0", ignore_errors=True)
    fill(store.folder, 1, 3, 1)


def _sql(store: Store) -> None:
    with contextlib.closing(sqlite3.connect(store.path)) as database, database:
        database.execute("UPDATE latest_metrics SET value = 0.5 WHERE key = 'final.val_accuracy'")


def _vacuum(store: Store) -> None:
    with contextlib.closing(sqlite3.connect(store.path)) as database:
        database.execute("VACUUM")


def _write_ahead(store: Store) -> None:
    with contextlib.closing(sqlite3.connect(store.path)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("UPDATE latest_metrics SET value = 0.25")
        database.commit()


def _other_database(store: Store) -> None:
    with contextlib.closing(sqlite3.connect(store.path)) as database, database:
        database.execute("UPDATE tags SET value = 'failed' WHERE key = 'darkmagic.status'")
    shutil.copy(store.path, store.folder / "copy.db")
    (store.folder / "copy.db").replace(store.path)


def _touch(store: Store) -> None:
    store.path.touch()


def _kept(change: Callable[[str], str]) -> Callable[[Store], None]:
    def damage(store: Store) -> None:
        path = kept_path(store.path)
        path.write_text(change(path.read_text()))

    return damage


def _without(*keys: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        head, _, answers = text.partition("\n")
        content = {"head": json.loads(head), "answers": json.loads(answers)}
        inner = content
        for key in keys[:-1]:
            inner = inner[key]
        del inner[keys[-1]]
        return json.dumps(content["head"]) + "\n" + json.dumps(content["answers"])

    return change


CHANGES: dict[str, Callable[[Store], None]] = {
    "a tag of a run": _tag,
    "a metric of a run": _metric,
    "a run deleted": _delete_run,
    "the experiment deleted": _delete_experiment,
    "the experiment renamed": _rename,
    "another sweep": _new_sweep,
    "a write past MLflow": _sql,
    "a vacuum": _vacuum,
    "writing ahead": _write_ahead,
    "another database in its place": _other_database,
    "a new time of the file": _touch,
    "a kept file cut in half": _kept(lambda text: text[: len(text) // 2]),
    "an empty kept file": _kept(lambda _: ""),
    "a kept file that is a list": _kept(lambda _: "[]"),
    "a kept file of another form": _kept(lambda text: text.replace('"form": 1', '"form": 2')),
    "a kept file with another number in it": _kept(lambda text: text.replace("0.9", "0.8")),
    "a kept file without its state": _kept(_without("head", "state")),
    "a kept file without runs": _kept(_without("answers", "runs")),
    "no kept file": lambda store: kept_path(store.path).unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_kept_does_not_count_after_a_change(
    change: Callable[[Store], None], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any change of the store, or damage of what is kept, MLflow is asked, and is right."""
    change(store)
    assert not _is_kept(store, None, monkeypatch)
    _same(read_snapshot(store.uri, None), _from_mlflow(store, None))


@pytest.mark.parametrize("seed", range(2))
def test_report_is_mlflows_whatever_is_written_between(
    seed: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is written and read in whichever order, what is said is what MLflow says now."""
    rng = random.Random(seed)
    writes = (_tag, _metric, _sql, _vacuum, _touch)
    fast = 0
    for _ in range(6):
        if rng.random() < 0.3:
            rng.choice(writes)(store)
        name = rng.choice((None, store.first, store.second))
        fast += _is_kept(store, name, monkeypatch)
        _same(read_snapshot(store.uri, name), _from_mlflow(store, name))
    assert fast


def test_answers_while_the_store_changes_are_not_kept(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that changes between the questions gives an answer, and leaves none behind."""
    kept_path(store.path).unlink()
    asked = read.newest_sweep

    def and_change(*arguments: object) -> object:
        found = asked(*arguments)  # type: ignore[arg-type]
        _metric(store)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(read, "newest_sweep", and_change)
        read_snapshot(store.uri, None)
    assert not kept_path(store.path).exists()
    read_snapshot(store.uri, None)
    assert _is_kept(store, None, monkeypatch)


def test_transaction_under_way_is_no_state(store: Store) -> None:
    """While another process writes, nothing tells what the store holds; after it, a new state."""
    before = store_state(store.path)
    assert before is not None
    with contextlib.closing(sqlite3.connect(store.path)) as database:
        database.execute("BEGIN IMMEDIATE")
        database.execute("UPDATE tags SET value = 'x' WHERE key = 'darkmagic.reason'")
        assert Path(f"{store.path}-journal").exists()
        assert store_state(store.path) is None
        database.rollback()
        assert store_state(store.path) is not None
        database.execute("UPDATE tags SET value = 'x' WHERE key = 'darkmagic.reason'")
        database.commit()
    assert store_state(store.path) not in (None, before)


def test_artifacts_are_read_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bits of the images that are gone from a run's artifacts are gone from its report too."""
    client = open_client(store.uri)
    experiment = client.get_experiment_by_name(store.second)
    copied = store.folder / "artifacts"
    shutil.copytree(experiment.artifact_location.removeprefix("file://"), copied)
    with contextlib.closing(sqlite3.connect(store.path)) as database, database:
        database.execute(
            "UPDATE runs SET artifact_uri = replace(artifact_uri, ?, ?)",
            (experiment.artifact_location, copied.as_uri()),
        )
    keep_answers(store.uri, store.second)
    assert all(record.correct is not None for record in read_snapshot(store.uri, None).records)
    for bits in copied.rglob("*.npy"):
        bits.unlink()
    assert _is_kept(store, None, monkeypatch)
    assert all(record.correct is None for record in read_snapshot(store.uri, None).records)
    _same(read_snapshot(store.uri, None), _from_mlflow(store, None))


def test_folder_that_cannot_be_written_to_has_a_report(store: Store) -> None:
    """Where the answers cannot be kept, the report is MLflow's, each time."""
    kept = kept_path(store.path)
    kept.unlink()
    kept.mkdir()  # as a folder that takes no file, for whoever runs the tests
    _same(read_snapshot(store.uri, None), _from_mlflow(store, None))
    assert sorted(path.name for path in store.folder.iterdir()) == [
        "mlflow.db",
        "mlflow.db.kept.json",
    ]


def test_wrong_name_says_the_same_with_and_without_what_is_kept(store: Store) -> None:
    """The one line about an experiment that is not there does not depend on what is kept."""
    said = []
    for _ in range(2):
        with pytest.raises(UserError) as error:
            load_report(store.uri, f"{store.first}x")
        said.append(str(error.value))
        kept_path(store.path).unlink(missing_ok=True)
    assert said[0] == said[1]
    assert f"did you mean {store.first}" in said[0]


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("sqlite:////a/b/mlflow.db", "/a/b/mlflow.db"),
        ("sqlite:////a b/ö%20.db", "/a b/ö%20.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("sqlite:////a/b.db?timeout=3", None),
        ("sqlite+pysqlite:////a/b.db", None),
        ("postgresql://me@there/mlflow", None),
        ("https://there/sqlite:///x", None),
        ("/a/b/mlruns", None),
    ],
)
def test_only_plain_files_of_sqlite_are_kept(uri: str, name: str | None) -> None:
    """A server, another database and an address with options are read as ever."""
    found = store_file(uri)
    assert (None if found is None else found.as_posix()) == name


def test_no_database_has_no_state(tmp_path: Path) -> None:
    """A file that is none of SQLite's, an empty one, and none at all have no state."""
    assert store_state(tmp_path / "mlflow.db") is None
    for content in (b"", b"SQLite format 3\0", b"x" * 4096):
        (tmp_path / "mlflow.db").write_bytes(content)
        assert store_state(tmp_path / "mlflow.db") is None
