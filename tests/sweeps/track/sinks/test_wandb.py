"""`track=wandb`: offline runs that wandb's own reader finds everything in, once."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from darkmagic.sweeps.track.schema.tags import IDENTITY, KIND
from darkmagic.sweeps.track.sinks.wandb import WandbSink, project_name, run_id
from darkmagic.sweeps.track.store import open_client, search_runs
from sweeping import run

pytestmark = [pytest.mark.weekly, pytest.mark.timeout(300)]
Settings = pytest.importorskip("wandb").Settings

HEADER, BLOCK, CHUNK = 7, 32768, struct.Struct("<IHB")
FULL, LAST = 1, 4
WORDS = ["epochs=2", "max_steps=4", "only=mixup"]


def _read(folder: Path) -> dict[str, Any]:
    """Return what `wandb sync` would send of an offline run."""
    from wandb.proto import wandb_internal_pb2

    (file,) = folder.glob("*.wandb")
    found: dict[str, Any] = {"history": [], "summary": {}, "config": {}}
    for data in _records(file.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(data)
        kind = record.WhichOneof("record_type")
        if kind == "run":
            found["name"], found["id"] = record.run.display_name, record.run.run_id
            found["project"] = record.run.project
            updates = record.run.config.update
            found["config"] |= {item.key: json.loads(item.value_json) for item in updates}
        elif kind == "history":
            items = record.history.item
            point = {(i.key or i.nested_key[0]): json.loads(i.value_json) for i in items}
            found["history"].append(point)
        elif kind == "summary":
            for item in record.summary.update:
                name = item.key or ".".join(item.nested_key)
                found["summary"][name] = json.loads(item.value_json)
        elif kind == "exit":
            found["exit"] = record.exit.exit_code
    return found


def _records(content: bytes) -> Iterator[bytes]:
    """Yield the records of a log as LevelDB has it, which wandb's own process alone reads now."""
    at, record = HEADER, b""
    while at + CHUNK.size <= len(content):
        if BLOCK - at % BLOCK < CHUNK.size:  # the rest of a block is padding
            at += BLOCK - at % BLOCK
            continue
        _, length, kind = CHUNK.unpack_from(content, at)
        at += CHUNK.size
        record += content[at : at + length]
        at += length
        if kind in (FULL, LAST):
            yield record
            record = b""


def test_sweep_is_in_wandb_as_in_mlflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every trial is one offline run with MLflow's points, also where wandb is to be online."""
    monkeypatch.setenv("WANDB_MODE", "online")
    plain = run(tmp_path, WORDS)  # what was trained without it is written by a later command
    swept = run(tmp_path, [*WORDS, "track=wandb"])
    assert swept.progress.trials == []
    folder = plain.outcome.folder / "wandb"
    assert f"wandb: wandb sync {folder}/offline-run-*" in swept.progress.notes
    client = open_client(swept.uri)
    (found,) = [e for e in client.search_experiments() if e.name != "Default"]
    runs = search_runs(client, found.experiment_id, {KIND: "trial"})
    assert len(runs) == len(list(folder.glob("offline-run-*"))) == 2
    for trial in runs:
        tags = trial.data.tags
        (directory,) = plain.outcome.folder.glob(f"*-s0-{tags[IDENTITY][:8]}")
        (offline,) = folder.glob(f"offline-run-*-{run_id(found.name, directory.name)}")
        written = _read(offline)
        assert written["name"] == trial.info.run_name
        assert written["project"] == found.name
        assert written["exit"] == 0
        assert written["config"]["epochs"] == "2"
        assert written["config"][IDENTITY] == tags[IDENTITY]
        points = [(p["epoch"], p["val_accuracy"]) for p in written["history"]]
        sent = client.get_metric_history(trial.info.run_id, "val_accuracy")
        assert points == sorted((m.step, m.value) for m in sent)
        assert written["summary"]["final.val_loss"] == trial.data.metrics["final.val_loss"]
    again = run(tmp_path, [*WORDS, "track=wandb"])
    assert len(list(folder.glob("offline-run-*"))) == 2
    assert not [note for note in again.progress.notes if "wandb" in note]


def test_trial_that_did_not_end_is_written_when_it_does(tmp_path: Path) -> None:
    """An interrupted trial leaves no run; one that failed and is trained again leaves the last."""
    trial = "mixup=on-s0-12345678"
    for epochs, ends in ((1, None), (2, "FAILED"), (3, "FINISHED")):
        sink = WandbSink(tmp_path, "e")
        opened = sink.open_trial(trial, "mixup=on", "pending", {}, {"lr": "0.1"})
        for epoch in range(1, epochs + 1):
            opened.add_epoch("epoch", epoch, {"val_accuracy": epoch / 8}, time.time())
            assert sink.flush(), sink.problem
        if ends is None:
            assert not list(tmp_path.glob("wandb/offline-run-*"))
            continue
        opened.status, opened.next_status = ends.lower(), ends
        assert sink.flush(), sink.problem
        sink.close()
        (offline,) = tmp_path.glob("wandb/offline-run-*")
        written = _read(offline)
        assert written["exit"] == int(ends == "FAILED")
        assert [point["epoch"] for point in written["history"]] == [*range(1, epochs + 1)]


@pytest.mark.parametrize("sign", list("!\"#$%&'()*+,-.:;<=>?@[\\]^_`{|}~äß ✓"))
def test_any_name_of_an_experiment_makes_a_project(sign: str) -> None:
    """Wandb refuses some signs in a project's name: nothing would be written of the sweep."""
    name = f"a{sign}b"
    Settings(project=project_name(name))
