"""Of all places where a script leaves its metric the first is believed, in the page's order."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from darkmagic.trainers.command.ended import judge
from darkmagic.trainers.command.run import Watcher, find_metric, run_command
from darkmagic.trainers.command.sources.values import Found
from darkmagic.trainers.command.spec import Command

RECORDED = Path(__file__).parent / "recorded"
SCRIPT = """
import json, os, shutil, sys
left, recorded = json.loads(sys.argv[1]), sys.argv[2]
os.chdir(os.environ["DARKMAGIC_DIRECTORY"])
if "METRIC lines of its output" in left:
    print("METRIC val_acc=0.01")
if "JSON lines of its output" in left:
    print(json.dumps({"val_acc": 0.02}))
if "the pattern in its output" in left:
    print("accuracy 0.03")
if "named.log" in left:
    open("named.log", "w").write('{"val_acc": 0.04}')
if "z.csv" in left:
    open("z.csv", "w").write("val_acc\\n0.05\\n")
if "a.json" in left:
    json.dump({"val_acc": 0.06}, open("a.json", "w"))
if "W&B's run-recorded.wandb" in left:
    shutil.copyfile(f"{recorded}/run-recorded.wandb", "run-recorded.wandb")
"""
"""A script that leaves its metric in the places that it is told."""
ORDER = {
    "METRIC lines of its output": 0.01,
    "JSON lines of its output": 0.02,
    "the pattern in its output": 0.03,
    "named.log": 0.04,
    "z.csv": 0.05,
    "a.json": 0.06,
    "W&B's run-recorded.wandb": 0.9,
    "its MLflow store": 0.08,
}


def _run(folder: Path, left: Mapping[str, float], metric: str = "val_acc") -> dict[str, object]:
    words = (sys.executable, "-c", SCRIPT, json.dumps(list(left)), str(RECORDED))
    command = Command(words, metric=metric, pattern="accuracy ([0-9.]+)", files=("*.log",))
    output = folder / "output"
    values = {"seed": "0", "device": "cpu", "threads": "1", "directory": str(output)}

    def trackers() -> Iterator[Found]:
        if "its MLflow store" in left:
            yield Found("its MLflow store", {"val_acc": [(1, 0.08)]})

    since = time.time() - 1
    ended, lines = run_command(command, output, values, folder / "log.txt", Watcher())
    found, looked = find_metric(command, lines, output, values, since, trackers)
    where = None if found is None else found.where
    return {**judge(command, ended, found, looked), "where": where, "ran": ended.seconds}


@pytest.mark.parametrize("first", range(len(ORDER)))
def test_first_source_that_has_the_metric_is_believed(tmp_path: Path, first: int) -> None:
    """All that come later have other values, and are there too."""
    left = dict(list(ORDER.items())[first:])
    where, value = next(iter(left.items()))
    result = _run(tmp_path, left)
    assert (result["where"], result["value"]) == (where, value)


def test_event_files_are_believed_before_mlflow_and_after_tables(tmp_path: Path) -> None:
    """By the metric that the recorded file has."""
    (tmp_path / "output").mkdir()
    name = "events.out.tfevents.1"
    shutil.copyfile(RECORDED / name, tmp_path / "output" / name)
    result = _run(tmp_path, {"its MLflow store": 0.08}, "val/acc")
    assert (result["where"], result["value"]) == (f"TensorBoard's {name}", pytest.approx(0.9))


def test_seconds_are_how_long_it_ran_unless_the_script_says_them(tmp_path: Path) -> None:
    """The last place of all: nothing else need be printed."""
    result = _run(tmp_path, {}, "seconds")
    assert result["status"] == "finished"
    assert result["value"] == result["ran"]
