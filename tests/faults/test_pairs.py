"""Options and groups of commands in pairs, on real networks: no two break each other.

A pair is trained for one step by the command itself. All pairs of every command are weekly
(`pytest -m weekly tests/faults/test_pairs.py`); a plain pytest takes a few of each.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from commanding import TINY, run_command
from darkmagic.sweeps.track.schema import CHECKLIST, STATUS, result_metrics, trial_tags
from darkmagic.sweeps.track.tracker import Tracker
from image_sets import make_set

MODELS = {
    "timm": ["model=timm", "model.build.name=resnet26d"],
    "torchvision": ["model=torchvision", "model.build.name=resnet18"],
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
IN_CI = 200
"""One pair in so many is tried by a plain pytest."""


def _pairs() -> list[object]:
    """Return every pair of every command; those that a plain pytest leaves out are weekly."""
    found = []
    for command, options in COMMANDS.items():
        for first, second in itertools.combinations(options, 2):
            if not {first, second} <= set(MODELS):
                weekly = len(found) % IN_CI != 0
                marks = [pytest.mark.weekly] if weekly else []
                found.append(pytest.param(command, first, second, marks=marks))
    return found


@pytest.mark.parametrize(("command", "first", "second"), _pairs())
def test_pair_is_trained(tmp_path: Path, command: str, first: str, second: str) -> None:
    """The command ends well with both, in either order of the two."""
    (tmp_path / "mine.py").write_text(NETWORK)
    (tmp_path / "conf").mkdir()
    make_set(tmp_path / "set", {"cat": 12, "dog": 12})
    options = COMMANDS[command]
    words = [*TINY, "epochs=1", "max_steps=1", *ALWAYS.get(command, [ONLY])]
    if not {first, second} & {*MODELS}:
        words.append("model.build.width=4")
    done = run_command(*command.split(), *words, *options[second], *options[first], folder=tmp_path)
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
