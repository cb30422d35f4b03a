"""`track=tensorboard`: event files that TensorBoard's own reader finds everything in, once."""

from __future__ import annotations

import importlib.machinery
import os
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.sources.tensorboard_runs import read_tensorboard
from darkmagic.sweeps.track.schema.tags import IDENTITY, KIND
from darkmagic.sweeps.track.sinks.choose import check_track
from darkmagic.sweeps.track.sinks.sink import Sink
from darkmagic.sweeps.track.sinks.tensorboard import TensorBoardSink
from darkmagic.sweeps.track.store import open_client, search_runs
from darkmagic.sweeps.trial.settings import Track
from sweeping import Swept, run

PENDING, RUNNING, FINISHED = "pending", "running", "finished"
WORDS = ["epochs=2", "max_steps=4", "only=mixup", "track=tensorboard"]


def _scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """Return what TensorBoard shows of a trial."""
    shown = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    shown.Reload()
    tags = shown.Tags()["scalars"]
    return {tag: [(event.step, event.value) for event in shown.Scalars(tag)] for tag in tags}


def _command(sink: Sink, epochs: int, *, ends: bool, flushes: int, status: str = PENDING) -> None:
    """Write a trial as one command does: all of its epochs so far, and its end."""
    run = sink.open_trial(
        "mixup=on-s0-12345678", "mixup=on", status, {}, {"lr": "0.1", "amp": "off"}
    )
    for epoch in range(1, epochs + 1):
        run.add_epoch("epoch", epoch, {"val_accuracy": epoch / 8}, time.time())
        if epoch <= flushes:
            assert sink.flush(), sink.problem
    if ends:
        run.add_metrics({"final.val_accuracy": epochs / 8}, when=time.time(), step=0)
        run.status, run.next_status = FINISHED, "FINISHED"
        assert sink.flush(), sink.problem


@settings(max_examples=20, deadline=None)
@given(
    stops=st.lists(st.tuples(st.integers(1, 8), st.integers(0, 40)), max_size=4),
    last=st.integers(1, 8),
    again=st.integers(0, 2),
)
def test_trial_of_several_commands_is_there_once(
    tmp_path_factory: pytest.TempPathFactory,
    stops: list[tuple[int, int]],
    last: int,
    again: int,
) -> None:
    """However commands were cut off before, each epoch of a trial is one point, the end one too."""
    folder = tmp_path_factory.mktemp("tb")
    for epochs, lost in stops:
        sink = TensorBoardSink(folder, "e")
        _command(sink, epochs, ends=False, flushes=epochs)
        sink.close()
        written = max((folder / "tensorboard").rglob("*tfevents*"))
        os.truncate(written, written.stat().st_size - lost)  # the command was killed
    _command(TensorBoardSink(folder, "e"), last, ends=True, flushes=last // 2)
    file = max((folder / "tensorboard").rglob("*tfevents*"))
    written = file.stat().st_mtime_ns, file.read_bytes()
    for _ in range(again):  # commands that find it finished
        sink = TensorBoardSink(folder, "e")
        _command(sink, last, ends=True, flushes=last, status=FINISHED)
        assert not sink.has_written
    assert written == (file.stat().st_mtime_ns, file.read_bytes())
    shown = _scalars(file.parent)
    assert shown["val_accuracy"] == [(n, n / 8) for n in range(1, last + 1)]
    assert shown["final.val_accuracy"] == [(0, last / 8)]


def test_reader_that_watches_drops_what_an_interrupted_command_wrote(tmp_path: Path) -> None:
    """A TensorBoard that is open sees the trial start anew, and shows each of its epochs once."""
    first = TensorBoardSink(tmp_path, "e")
    _command(first, 3, ends=False, flushes=3)
    (folder,) = (tmp_path / "tensorboard").iterdir()
    watching = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    watching.Reload()
    assert [event.step for event in watching.Scalars("val_accuracy")] == [1, 2, 3]
    first.close()
    _command(TensorBoardSink(tmp_path, "e"), 5, ends=True, flushes=5)
    watching.Reload()
    assert [event.step for event in watching.Scalars("val_accuracy")] == [1, 2, 3, 4, 5]


def test_hyper_parameters_are_numbers_where_they_can_be(tmp_path: Path) -> None:
    """TensorBoard's table of hyper-parameters has a row for the trial, and how it ended."""
    _command(TensorBoardSink(tmp_path, "e"), 1, ends=True, flushes=1)
    (folder,) = (tmp_path / "tensorboard").iterdir()
    shown = EventAccumulator(str(folder))
    shown.Reload()
    found = shown.PluginTagToContent("hparams")
    began = HParamsPluginData.FromString(found["_hparams_/session_start_info"]).session_start_info
    assert began.group_name == folder.name
    assert began.hparams["lr"].number_value == 0.1
    assert began.hparams["amp"].string_value == "off"
    ended = HParamsPluginData.FromString(found["_hparams_/session_end_info"]).session_end_info
    assert ended.status == 1  # STATUS_SUCCESS


def test_what_cannot_be_written_is_said_and_written_by_the_next_command(tmp_path: Path) -> None:
    """A file where the folder should be stops the copy alone."""
    (tmp_path / "tensorboard").write_text("in the way")
    sink = TensorBoardSink(tmp_path, "e")
    run = sink.open_trial("t", "t", PENDING, {}, {})
    run.add_epoch("epoch", 1, {"val_loss": 1.0}, time.time())
    assert not sink.flush()
    assert "tensorboard" in (sink.problem or "")
    (tmp_path / "tensorboard").unlink()
    _command(TensorBoardSink(tmp_path, "e"), 2, ends=True, flushes=2)
    assert len(list((tmp_path / "tensorboard").iterdir())) == 1


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Return a sweep of two trials that was written to both."""
    return run(tmp_path_factory.mktemp("both"), WORDS)


def test_sweep_is_in_tensorboard_as_in_mlflow(swept: Swept) -> None:
    """Every trial has the same points in both, and the same final numbers."""
    experiment = swept.outcome.folder
    client = open_client(swept.uri)
    (found,) = [e for e in client.search_experiments() if e.name != "Default"]
    runs = search_runs(client, found.experiment_id, {KIND: "trial"})
    assert len(runs) == 2
    for trial in runs:
        identity = trial.data.tags[IDENTITY][:8]
        (folder,) = (experiment / "tensorboard").glob(f"*-{identity}")
        shown = _scalars(folder)
        for metric in ("train_loss", "val_accuracy", "val_loss", "lr", "final.val_accuracy"):
            sent = client.get_metric_history(trial.info.run_id, metric)
            expected = sorted((point.step, point.value) for point in sent)
            assert len(expected) in (1, 2)
            assert [step for step, _ in shown[metric]] == [step for step, _ in expected]
            assert [v for _, v in shown[metric]] == pytest.approx([v for _, v in expected])
    assert f"tensorboard: tensorboard --logdir {experiment}/tensorboard" in swept.progress.notes
    assert len(read_tensorboard(experiment / "tensorboard").rows) == 2 * 3  # `darkmagic judge`'s


def test_same_command_again_writes_nothing(swept: Swept) -> None:
    """What has ended stays as it was, to the last byte."""
    files = sorted((swept.outcome.folder / "tensorboard").rglob("*tfevents*"))
    before = [(file, file.stat().st_mtime_ns) for file in files]
    again = run(swept.folder, WORDS)
    assert again.progress.trials == []
    after = sorted((swept.outcome.folder / "tensorboard").rglob("*tfevents*"))
    assert before == [(file, file.stat().st_mtime_ns) for file in after]


@pytest.mark.parametrize("chosen", [Track.TENSORBOARD, Track.WANDB])
def test_missing_package_is_one_line_that_names_the_extra(
    chosen: Track, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Python finds no such package, the sweep ends before it begins."""
    for name in [name for name in sys.modules if name.partition(".")[0] == chosen]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(
        sys, "meta_path", [f for f in sys.meta_path if f is importlib.machinery.PathFinder]
    )
    with pytest.raises(UserError) as error:
        check_track(OmegaConf.create({"track": chosen.value}))
    assert f"pip install 'darkmagic-checklist[{chosen}]'" in str(error.value)
    assert "\n" not in str(error.value)
