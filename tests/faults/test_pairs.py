"""Options and groups of commands in pairs, on real networks: no two break each other.

They are trained for one step by the command itself, a few at a time so that every pair of a
command's options is in one of its rows. All rows are weekly
(`pytest -n 0 -m weekly tests/faults/test_pairs.py`); a plain pytest takes one of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import pytest

from commanding import TINY, run_command
from darkmagic.sweeps.track.schema import CHECKLIST, STATUS, result_metrics, trial_tags
from darkmagic.sweeps.track.tracker import Tracker
from image_sets import make_set

MODELS = {
    "timm": ["model=timm", "model.build.name=test_resnet"],
    "torchvision": ["model=torchvision", "model.build.name=shufflenet_v2_x0_5"],
    "an ordinary size": ["model=timm", "model.build.name=resnet26d"],
    "own network": ["model=own", "model.build._target_=mine.Net"],
    "another depth": ["model.build.depth=14"],
}
"""Of which there is one at a time."""
WORDS = {
    **MODELS,
    "name": ["-n", "o'brien, [old]=x"],
    "out": ["-o", "a=b, c"],
    "folder of configuration": ["-c", "conf"],
    "images": ["dataset=folder", "dataset.source.root=set", "batch_size=4"],
    "vanilla": ["baseline=vanilla"],
    "an option": ["trick/cutout=8"],
    "a field": ["tricks.mixup.alpha=1"],
    "bf16": ["amp=bf16"],
    "layout": ["channels_last=false"],
    "launcher": ["hydra.launcher.trials_per_device=2", "hydra.launcher.threads=1"],
    "test set": ["test_set=true"],
}
SWEEPS = {"seeds": ["seeds=2"], "floor": ["floor=0.01"], "repeats": ["baseline_repeats=2"]}
COMMANDS: dict[str, dict[str, list[str]]] = {
    "checklist run": {
        **WORDS,
        **SWEEPS,
        "without checks": ["--skip-preflight"],
        "dry": ["--dry-run"],
        "fail fast": ["--fail-fast"],
    },
    "checklist plan": {
        **{name: words for name, words in WORDS.items() if name not in ("name", "out")},
        **SWEEPS,
        "estimate": ["--estimate"],
    },
    "train": {
        **{name: words for name, words in WORDS.items() if name not in ("name", "out")},
        "a field": ["trick/mixup=on", "tricks.mixup.alpha=1"],
        "several": ["-m", "lr=0.1,0.2"],
    },
    "checklist confirm": {**WORDS, "seeds": ["--seeds", "2"]},
}
ONLY = "checklist.tricks=[{name: mixup, section: s, options: [off, on]}]"
ALWAYS = {"checklist confirm": ["--take", "mixup=on", ONLY], "train": []}
NETWORK = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self, num_classes, in_channels=1, **_):
        super().__init__(
            nn.LazyConv2d(4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1),
            nn.Flatten(), nn.Linear(4, num_classes),
        )
"""
MOST = 5
"""Options of one command at most: enough together to be few, and few enough to find the culprit."""


def _rows(options: Iterable[str]) -> list[tuple[str, ...]]:
    """Return commands of at most `MOST` options of which every pair is in one.

    Greedy: a row begins with the first pair that no row has, and takes what adds most new ones.
    """
    names = list(options)
    left = {
        frozenset(pair) for pair in itertools.combinations(names, 2) if not {*pair} <= set(MODELS)
    }
    rows = []
    while left:
        first = min(left, key=lambda pair: sorted(map(names.index, pair)))
        row = sorted(first, key=names.index)
        while len(row) < MOST:
            others = [n for n in names if n not in row and len({n, *row} & {*MODELS}) < 2]
            gains = {n: sum(frozenset((n, other)) in left for other in row) for n in others}
            best = max(gains, key=lambda name: gains[name], default=None)
            if best is None or not gains[best]:
                break
            row.append(best)
        left -= {frozenset(pair) for pair in itertools.combinations(row, 2)}
        rows.append(tuple(row))
    return rows


def _cases() -> list[object]:
    """Return the rows of every command; a plain pytest takes one of each, of several models."""
    found = []
    for number, (command, options) in enumerate(COMMANDS.items()):
        for index, row in enumerate(_rows(options)):
            marks = [pytest.mark.weekly] if index != 4 * number else []
            found.append(pytest.param(command, row, marks=marks, id=f"{command}: {', '.join(row)}"))
    return found


@pytest.mark.parametrize("command", COMMANDS)
def test_rows_have_every_pair(command: str) -> None:
    """But two of what there is one at a time."""
    rows = _rows(COMMANDS[command])
    tried = {frozenset(pair) for row in rows for pair in itertools.combinations(row, 2)}
    every = {frozenset(pair) for pair in itertools.combinations(COMMANDS[command], 2)}
    assert every - tried == {frozenset(pair) for pair in itertools.combinations(MODELS, 2)}


@pytest.mark.parametrize(("command", "row"), _cases())
def test_options_together_are_trained(tmp_path: Path, command: str, row: tuple[str, ...]) -> None:
    """The command ends well with all of them."""
    (tmp_path / "mine.py").write_text(NETWORK)
    (tmp_path / "conf").mkdir()
    make_set(tmp_path / "set", {"cat": 12, "dog": 12})
    words = [
        *TINY,
        "epochs=1",
        "max_steps=1",
        "runtime.preflight_seconds=1",
        *ALWAYS.get(command, [ONLY]),
    ]
    if not {*row} & {*MODELS}:
        words.append("model.build.width=4")
    for name in row:
        words += COMMANDS[command][name]
    done = run_command(*command.split(), *words, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "internal error" not in done.stderr
    assert "Traceback" not in done.stderr


REPORT = {
    "out": ["-o", "a=b, c"],
    "format": ["--format", "md"],
    "order": ["--sort", "checklist"],
    "runs": ["--runs"],
    "watch": ["--watch", "1"],
    "one name": ["o'brien"],
    "another name": ["[old]"],
    "compare": ["--compare"],
}


@pytest.mark.parametrize("step", [9, pytest.param(1, marks=pytest.mark.weekly)])
def test_pairs_of_options_of_the_report(tmp_path: Path, step: int) -> None:
    """Each is a report, or one line that says which two do not go together."""
    for folder in ("runs", "a=b, c"):
        for name in ("o'brien", "[old]"):
            _track(tmp_path / folder, name)
    for first, second in list(itertools.combinations(REPORT, 2))[::step]:
        done = run_command("report", *REPORT[second], *REPORT[first], folder=tmp_path)
        assert done.returncode in (0, 2), done.stderr
        assert len(done.stderr.splitlines()) <= 1, (first, second, done.stderr)
        assert done.returncode == 2 or "mixup" in done.stdout, (first, second)


def _track(folder: Path, name: str) -> None:
    """Write what two finished trials leave in a store."""
    from darkmagic.checklist.model import Checklist, Trial, Trick
    from darkmagic.checklist.model_json import to_json

    folder.mkdir(exist_ok=True)
    checklist = Checklist("c", (Trick("mixup", "s", ("off", "on")),))
    tracker = Tracker(f"sqlite:///{folder}/mlflow.db", name, folder / "artifacts")
    parent = tracker.open_sweep("recipe", {CHECKLIST: to_json(checklist)})
    for option, accuracy in ((None, 0.9), ("on", 0.95)):
        trick = None if option is None else "mixup"
        tags = trial_tags(Trial(trick, option, "s", 0), f"id-{option}")
        run = tracker.open_trial({}, parent, str(option), tags, {"epochs": "1"})
        run.add_metrics(result_metrics({"val_accuracy": accuracy}), when=1.0, step=0)
        run.tags[STATUS] = "finished"
        run.next_status = "FINISHED"
    parent.next_status = "FINISHED"
    assert tracker.flush()
