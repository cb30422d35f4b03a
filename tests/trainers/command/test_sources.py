"""What scripts print and write is read as the numbers that they mean, whoever wrote it."""

from __future__ import annotations

import math
import os
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkmagic.trainers.command.sources.files import read_files
from darkmagic.trainers.command.sources.lines import Lines
from darkmagic.trainers.command.sources.tables import read_table
from darkmagic.trainers.command.sources.tensorboard import read_event_file
from darkmagic.trainers.command.sources.wandb import read_wandb_file

RECORDED = Path(__file__).parent / "recorded"
"""Files that the real packages wrote: tensorboard 2.21.0 and wandb 0.31.0."""

PRINTED = {
    "METRIC acc=0.5": [(1, 0.5)],
    "METRIC acc=0.5 epoch=3\nMETRIC acc=0.6 epoch=4": [(3, 0.5), (4, 0.6)],
    "METRIC loss=2, acc=0.5, step=10": [(10, 0.5)],
    "[rank0] METRIC acc = 1e-3": [(1, 0.001)],
    '{"acc": 0.5, "epoch": 1}\n{"acc": 0.7, "epoch": 2}': [(1, 0.5), (2, 0.7)],
    '{"acc": "0.5"}': [(1, 0.5)],
    "METRIC acc=81.3% loss=2": [(1, 81.3)],
    '{"acc": "81.3 %"}': [(1, 81.3)],
    "METRIC acc=%": [],
    "{'acc': 0.5, 'epoch': 1.0}": [(1, 0.5)],
    "\x1b[A \r  50%|x\n\x1b[A   {'eval': 1, 'acc': '0.5', 'epoch': '2'}": [(2, 0.5)],
    "epoch 1: acc 0.5\nepoch 2: acc 0.25": [(1, 0.5), (2, 0.25)],
    "METRIC acc=0.5\nMETRIC acc=0.5": [(1, 0.5), (2, 0.5)],
    "METRIC acc=0.5 step=inf\nMETRIC acc=0.6 step=nan": [(1, 0.5), (2, 0.6)],
    "METRIC acc=1e400": [(1, math.inf)],
    "METRIC ACC=0.5\nMETRIC Acc=0.5": [],
    "METRIC=acc=0.5": [],
    "METRIC other=1": [],
    "METRIC acc=high": [],
    "{not json": [],
    '{"acc": true}': [],
    '["acc", 0.5]': [],
    "the acc is 0.5": [],
    "": [],
}


@pytest.mark.parametrize("printed", PRINTED)
def test_printed_metric_is_read(printed: str) -> None:
    """A line's number is the metric's value at the step that the line says, or counted."""
    lines = Lines("acc", r"epoch (?P<step>\d+): acc (?P<value>[\d.]+)")
    for line in printed.encode().split(b"\n"):
        lines.read(line)
    found = next((f for f in lines.found if f.values.get("acc")), None)
    assert ([] if found is None else found.series("acc")) == PRINTED[printed]


def test_step_that_is_no_number_is_counted() -> None:
    """A pattern whose step is infinite or not a number keeps its value."""
    lines = Lines("acc", r"epoch (?P<step>\S+): acc (?P<value>[\d.]+)")
    for line in (b"epoch inf: acc 0.5", b"epoch nan: acc 0.6", b"epoch 1e400: acc 0.7"):
        assert lines.read(line)
    assert lines.found[-1].series("acc") == [(1, 0.5), (2, 0.6), (3, 0.7)]


def test_nan_is_a_value() -> None:
    """A metric that is not a number is known to be that, and is not left out."""
    lines = Lines("acc")
    assert lines.read(b"METRIC acc=nan")
    assert math.isnan(lines.found[0].series("acc")[0][1])


@given(st.binary(max_size=300))
def test_any_bytes_can_be_read(data: bytes) -> None:
    """No output, whatever its bytes, keeps a metric from being read."""
    lines = Lines("acc", "acc ([0-9.]+)")
    for line in data.split(b"\n"):
        lines.read(line)
        lines.read(b"METRIC " + line)
        lines.read(b"{" + line)


FILES = {
    "log.csv": ("epoch,acc,note\n0,0.5,a\n1,0.75,b\n", [(0, 0.5), (1, 0.75)]),
    "holes.csv": ("acc,epoch,loss\n,0,1.5\n0.5,0,\n,1,1.2\n0.7,1,\n", [(0, 0.5), (1, 0.7)]),
    "spaces.csv": (" epoch, acc\n 1, 0.5\n", [(1, 0.5)]),
    "resumed.csv": ("epoch,acc\n0,0.5\nepoch,acc\n1,0.6\n", [(0, 0.5), (1, 0.6)]),
    "tabs.tsv": ("epoch\tacc\n1\t0.5\n", [(1, 0.5)]),
    "log.jsonl": (
        '{"epoch": 1, "acc": 0.5}\n{"epoch": 2, "acc": 0.6}\n{"epo',
        [(1, 0.5), (2, 0.6)],
    ),
    "result.json": ('{"acc": 0.5,\n "config": {"lr": 0.1}}', [(1, 0.5)]),
    "state.json": ('{"epoch": 2, "log_history": [{"acc": 0.5, "epoch": 1.0}]}', [(1, 0.5)]),
    "list.json": ('[{"acc": 0.5, "epoch": 1}, {"acc": 0.6, "epoch": 2}]', [(1, 0.5), (2, 0.6)]),
    "headless.csv": ("0,0.5\n1,0.6\n", []),
    "empty.csv": ("", []),
    "binary.csv": ("\0\0acc\0\n\0" + "0.5\n", [(1, 0.5)]),
}


@pytest.mark.parametrize("name", FILES)
def test_file_of_a_script_is_read(tmp_path: Path, name: str) -> None:
    """Tables and lines of JSON, also cut short or begun again, give the metric by step."""
    text, series = FILES[name]
    (tmp_path / name).write_text(text)
    assert read_table(tmp_path / name).series("acc") == series


def test_event_file_of_tensorboard_is_read() -> None:
    """Scalars of both styles are read from a real event file; texts and histograms are not."""
    found = read_event_file(RECORDED / "events.out.tfevents.1")
    assert set(found.values) == {"val/acc", "loss", "new_style"}
    assert [step for step, _ in found.series("val/acc")] == [0, 1, 2, 3, 4]
    assert [value for _, value in found.series("val/acc")] == pytest.approx(
        [0.5, 0.6, 0.7, 0.8, 0.9]
    )
    assert found.series("new_style") == [(7, 0.25)]


def test_file_of_an_offline_wandb_run_is_read() -> None:
    """History, nested names too, is read from a real file, of which a record is in two blocks."""
    found = read_wandb_file(RECORDED / "run-recorded.wandb")
    assert found.series("val_acc") == [(step, (5 + step) / 10) for step in range(5)]
    assert found.series("train.loss")[-1] == (4, 0.4)


def test_summary_of_an_offline_wandb_run_is_read() -> None:
    """What a script put into the run's summary alone has its last value, and nothing of W&B's."""
    found = read_wandb_file(RECORDED / "run-summary.wandb")
    assert found.series("val_acc") == [(1, 0.75)]
    assert found.series("loss") == [(0, 1.0), (1, 1.0), (2, 1.0)]
    assert set(found.values) == {"val_acc", "loss"}


@pytest.mark.parametrize("name", ["events.out.tfevents.1", "run-recorded.wandb"])
def test_record_that_is_cut_short_is_left_out(tmp_path: Path, name: str) -> None:
    """A file that is still being written, or damaged, gives what is whole and raises nothing."""
    content = (RECORDED / name).read_bytes()
    reader = read_event_file if "tfevents" in name else read_wandb_file
    counts = set()
    for size in range(0, len(content), 97):
        (tmp_path / name).write_bytes(content[:size])
        counts.add(len(reader(tmp_path / name).values))
    assert {0, len(reader(RECORDED / name).values)} <= counts
    damaged = bytearray(content)
    damaged[len(content) // 2 :: 3] = b"\xff" * len(damaged[len(content) // 2 :: 3])
    (tmp_path / name).write_bytes(damaged)
    reader(tmp_path / name)


def test_files_are_believed_in_order_and_only_if_new(tmp_path: Path) -> None:
    """Named files come first, then tables, and what was there before the run is not read."""
    for name in ("b/metrics.csv", "named.txt", "old.csv", "x.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("acc\n0.5\n" if name.endswith("csv") else '{"acc": 1}')
    os.utime(tmp_path / "old.csv", (1, 1))
    since = time.time() - 60
    found = [f.where for f in read_files(["{seed}.txt", "na*.txt"], tmp_path, {"seed": "3"}, since)]
    assert found == ["named.txt", "metrics.csv", "x.json"]
