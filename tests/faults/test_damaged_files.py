"""Damaged files in a trial's folder: each is named and set aside, and the trial goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from darkmagic.checklist.records import Status
from darkmagic.sweeps.orchestrate.mend import mend_folder
from darkmagic.sweeps.orchestrate.report import load_report
from darkmagic.trainers.outputs.correct import read_correct
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.result_file import read_result, write_result
from sweeping import Swept, run

FILES = (
    "result.json",
    "events.jsonl",
    "val_correct.npy",
    "checkpoint.pt",
    "config.yaml",
    "log.txt",
)
SEEDS = 8
SWEEP = [
    "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]",
    "trick/label_smoothing=0.0",
    "epochs=2",
    f"seeds={SEEDS}",
    "baseline_repeats=1",
    "floor=0",
]


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _binary(path: Path) -> None:
    path.write_bytes(bytes(range(128, 256)) * 4)


def _object(path: Path) -> None:
    path.write_text("{}")


def _array(path: Path) -> None:
    path.write_text("[]")


def _deep(path: Path) -> None:
    path.write_text("[" * 100_000)


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()
    (path / "inside").touch()


def _bad_line(path: Path) -> None:
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, b'{"type": "epoch", "epoch\n', *rest]))


def _edit(path: Path) -> None:
    text = path.read_text()
    edited = text.replace('"epochs": 2', '"epochs": 3').replace("\nepochs: 2", "\nepochs: 3")
    assert edited != text
    path.write_text(edited)


def _other_array(path: Path) -> None:
    np.save(path, np.zeros(7, np.float32))


WAYS = (_empty, _cut, _binary, _object, _array, _deep, _folder)
SILENT = {("log.txt", way) for way in WAYS if way is not _folder} | {
    ("events.jsonl", _empty),
    ("events.jsonl", _cut),  # as a kill leaves it
    ("config.yaml", _cut),  # what is left of YAML may be YAML, of which the next test is
    *(("checkpoint.pt", way) for way in WAYS if way is not _folder),  # looked at by the worker
}
"""What is no damage, or is found later."""


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Return a sweep of the baseline and one trick under eight seeds, all finished."""
    return run(tmp_path_factory.mktemp("damaged"), SWEEP)


def _state(swept: Swept, tmp_path: Path) -> tuple[Path, dict[str, object], str]:
    """Return a copy of a trial's folder, its configuration and its identity."""
    import yaml

    (folder,) = swept.outcome.folder.glob("mixup=on-s0-*")
    copy = tmp_path / folder.name
    shutil.copytree(folder, copy)
    resolved = yaml.safe_load((copy / "config.yaml").read_text())
    return copy, resolved, folder.name.rpartition("-")[2]


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("name", FILES)
def test_damaged_file_is_named_and_set_aside(
    swept: Swept, tmp_path: Path, name: str, way: Callable[[Path], None]
) -> None:
    """What cannot be read is renamed and named in one line, and the rest can be read."""
    folder, resolved, identity = _state(swept, tmp_path)
    way(folder / name)
    messages = mend_folder(folder, resolved, identity)
    assert all(message.count("\n") == 0 for message in messages)
    if (name, way) not in SILENT:
        assert any(name in message for message in messages)
        assert any(path.name.startswith(f"{name}.damaged") for path in folder.iterdir())
    assert mend_folder(folder, resolved, identity) == []
    read_result(folder)
    read_correct(folder / "val_correct.npy", None)


def test_digest_notices_every_edit_of_a_result(tmp_path: Path) -> None:
    """A result with a changed value is not believed; one of before, without a digest, is."""
    result = {"status": "finished", "reason": "", "val_accuracy": 0.5, "epochs": 2, "device": "cpu"}
    write_result(tmp_path, result)
    path = tmp_path / "result.json"
    written = json.loads(path.read_text())
    assert read_result(tmp_path) == result
    for key, value in {"val_accuracy": 0.6, "epochs": 3, "device": "gpu", "reason": "x"}.items():
        path.write_text(json.dumps({**written, key: value}))
        with pytest.raises(DamagedFileError, match="edited by hand"):
            read_result(tmp_path)
    path.write_text(json.dumps(result))
    assert read_result(tmp_path) == result


PLANTED: dict[str, tuple[str, Callable[[Path], None], str]] = {
    "mixup=on-s0": ("result.json", _cut, "goes on from its checkpoint"),
    "mixup=on-s1": ("result.json", _edit, "was edited by hand"),
    "mixup=on-s2": ("val_correct.npy", _other_array, "goes on from its checkpoint"),
    "mixup=on-s3": ("config.yaml", _edit, "was edited by hand"),
    "mixup=on-s4": ("events.jsonl", _bad_line, "1 line that cannot be read"),
    "mixup=on-s5": ("result.json", _folder, "is a folder"),
    "mixup=on-s6": ("checkpoint.pt", _cut, "starts over"),
    "mixup=on-s7": ("", _empty, "is a file, no folder"),
}
"""By trial: the file, what is done to it, and what is said."""


def test_sweep_over_damaged_folders_ends_as_before(swept: Swept) -> None:
    """Every kind of damage is one line, takes no trial down, and changes no result."""
    before = {(r.name, r.seed): r.accuracy for r in swept.outcome.records}
    for trial, (name, damage, _) in PLANTED.items():
        (folder,) = swept.outcome.folder.glob(f"{trial}-*")
        if not name:
            shutil.rmtree(folder)
            folder.touch()
            continue
        damage(folder / name)
        if name == "checkpoint.pt":
            (folder / "result.json").unlink()
    (swept.outcome.folder / "packing.json").write_text("[]")
    again = run(swept.folder, SWEEP)
    assert {(r.name, r.seed): r.accuracy for r in again.outcome.records} == before
    assert {r.status for r in again.outcome.records} == {Status.FINISHED}
    for trial, (_, _, said) in PLANTED.items():
        lines = [note for note in again.progress.notes if note.startswith(f"{trial}-")]
        assert any(said in line for line in lines), (trial, again.progress.notes)
    trained = {f"{name}-s{seed}" for name, seed in again.progress.trials}
    assert trained == {f"mixup=on-s{seed}" for seed in (0, 1, 2, 5, 6)}  # MLflow has the seventh's
    rows = load_report(swept.uri, None).comparison.rows
    assert all(row.accuracies.keys() == set(range(SEEDS)) for row in rows)
    _check_no_step_is_doubled(swept)


def _check_no_step_is_doubled(swept: Swept) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(swept.uri)
    experiment = client.get_experiment_by_name(swept.outcome.experiment)
    runs = client.search_runs([experiment.experiment_id], "tags.`darkmagic.kind` = 'trial'")
    assert len(runs) == 2 * SEEDS
    for each in runs:
        steps = [m.step for m in client.get_metric_history(each.info.run_id, "val_accuracy")]
        assert steps == [1, 2]
        assert each.info.status == "FINISHED"
