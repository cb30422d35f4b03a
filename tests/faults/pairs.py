"""Options of the commands, and rows of a few of them at a time in which every pair is once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from commanding import TINY

__all__ = ["COMMANDS", "CONFLICTS", "MODELS", "NETWORK", "SCRIPT", "rows_of", "words_of"]

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
SETTINGS = {
    "metric": ["metric=macro_f1"],
    "accumulation": ["gradient_accumulation=2"],
    "a checklist": ["checklist=article"],
}
"""Of one trial, or of where its rows are from."""
SWEEPS = {
    "seeds": ["seeds=2"],
    "floor": ["floor=0.01"],
    "repeats": ["baseline_repeats=2"],
    "screen": ["design=screen"],
    "folds": ["folds=2", "seeds=4"],
    "rates": ["retune=ladder"],
    "race": ["budget=4"],
    "futility": ["futility=5"],
    "tensorboard": ["track=tensorboard"],
}
AGAINST = {
    "seeds": ("race",),
    "repeats": ("screen", "race"),
    "screen": ("folds", "race"),
    "folds": ("race",),
    "detached": ("launcher",),
}
"""Options that do not go together."""
CONFLICTS = {
    *(frozenset(pair) for pair in itertools.combinations(MODELS, 2)),
    *(frozenset((one, other)) for one, others in AGAINST.items() for other in others),
}
COMMANDS: dict[str, dict[str, list[str]]] = {
    "checklist run": {
        **WORDS,
        **SETTINGS,
        **SWEEPS,
        "detached": ["hydra/launcher=worker", "--detach"],
        "without checks": ["--skip-preflight"],
        "dry": ["--dry-run"],
        "fail fast": ["--fail-fast"],
    },
    "checklist plan": {
        **{name: words for name, words in WORDS.items() if name not in ("name", "out")},
        **SETTINGS,
        **SWEEPS,
        "estimate": ["--estimate"],
    },
    "train": {
        **WORDS,
        **{name: words for name, words in SETTINGS.items() if name != "a checklist"},
        "a field": ["trick/mixup=on", "tricks.mixup.alpha=1"],
        "several": ["-m", "lr=0.1,0.2"],
    },
    "checklist confirm": {
        **WORDS,
        **SETTINGS,
        "seeds": ["--seeds", "2"],
        "cheap": ["--cheap"],
        "tensorboard": ["track=tensorboard"],
        "rates": ["retune=ladder"],
    },
}
ONLY = "checklist.tricks=[{name: mixup, section: s, options: [off, on]}]"
ALWAYS = {"checklist confirm": ["--take", "mixup=on", ONLY], "train": []}
NETWORK = """
from torch import nn

class Net(nn.Sequential):
    def __init__(self, num_classes, in_channels=1, **_):
        super().__init__(
            nn.LazyConv2d(16, 3), nn.BatchNorm2d(16), nn.ReLU(), nn.Flatten(),
            nn.LazyLinear(num_classes),  # enough to learn one batch, which is checked before
        )
"""
OWN_WORDS = (
    "trainer=command",
    "trainer.command=[python, train.py]",
    "trainer.metric=acc",
    "+trainer.tricks.mixup={off: [], on: [--mixup]}",
)
SCRIPT = "import sys\nprint(f'METRIC acc={0.5 + 0.1 * (\"--mixup\" in sys.argv)}')\n"
COMMANDS["checklist run of a command"] = {
    name: words
    for name, words in COMMANDS["checklist run"].items()
    if name in ("name", "out", "folder of configuration", "launcher", "detached", "fail fast")
    or (name in ("without checks", *SWEEPS) and name not in ("floor", "folds", "rates", "futility"))
}
"""Of a trainer that is a command: what is not of our own loop."""
MOST = 5
"""Options of one command at most: enough together to be few, and few enough to find the culprit."""


def rows_of(options: Iterable[str]) -> list[tuple[str, ...]]:
    """Return commands of at most `MOST` options of which every pair is in one.

    Greedy: a row begins with the first pair that no row has, and takes what adds most new ones.
    """
    names = list(options)
    left = {frozenset(pair) for pair in itertools.combinations(names, 2)} - CONFLICTS
    rows = []
    while left:
        first = min(left, key=lambda pair: sorted(map(names.index, pair)))
        row = sorted(first, key=names.index)
        while len(row) < MOST:
            others = [n for n in names if n not in row and _agree({n, *row})]
            gains = {n: sum(frozenset((n, other)) in left for other in row) for n in others}
            best = max(gains, key=lambda name: gains[name], default=None)
            if best is None or not gains[best]:
                break
            row.append(best)
        left -= {frozenset(pair) for pair in itertools.combinations(row, 2)}
        rows.append(tuple(row))
    return rows


def _agree(names: set[str]) -> bool:
    return not any(frozenset(pair) in CONFLICTS for pair in itertools.combinations(names, 2))


def words_of(command: str, row: Iterable[str]) -> list[str]:
    """Return the words of `command` with the options of `row`, for a training of one step."""
    row = list(row)
    if command.endswith("of a command"):
        words = ["checklist", "run", *OWN_WORDS, "runtime.device=cpu"]
        if "detached" not in row:
            words.append("hydra.launcher.devices=cpu")
    else:
        words = [*command.split(), *TINY, "epochs=1", "max_steps=1", "runtime.preflight_seconds=1"]
        words += ALWAYS.get(command, [ONLY])
        if "detached" in row:
            words.remove("hydra.launcher.devices=cpu")
        if not {*row} & {*MODELS}:
            words.append("model.build.width=4")
    return [*words, *(word for name in row for word in COMMANDS[command][name])]
