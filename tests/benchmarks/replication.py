"""One published table of single changes, made again by `darkmagic checklist run`.

    python tests/benchmarks/replication.py --data PATH [--epochs N] [--json] [--results]
    python tests/benchmarks/replication.py --device cpu --quick   # the same path, tiny data

PATH holds CIFAR-10 as folders of images: train/CLASS/*.png and test/CLASS/*.png. The table is
"Experiments on label smoothing, Mixup, RICAP, and Dual-Cutout" of hysts' README
(pytorch_image_classification): ResNet-preact-20, 200 epochs, cosine from 0.2, batch 128, weight
decay 1e-4, crops and flips, test error after the last epoch, median of 3 runs: 7.60; label
smoothing 0.1: 7.57; mixup (alpha 1): 7.24. Ours trains on nine tenths of the training images,
as its verdicts need a validation split, and spreads smoothing over the other nine classes. What
hysts compared at batch 1024 is `checklist=hysts`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Mapping
from pathlib import Path

from harness.machine import versions
from harness.sweeps import swept
from harness.table import Row, arguments, publish, unmeasured

EPOCHS, SEEDS = 200, 3
PUBLISHED = {"label_smoothing=0.1": 0.03, "mixup=on": 0.36}  # points of accuracy
CHECKLIST = """
name: hysts_targets
tricks:
  - {name: label_smoothing, section: regularisation, options: ["0.0", "0.1"]}
  - {name: mixup, section: regularisation, options: ["off", "on"]}
"""
RECIPE = [
    "checklist=hysts_targets",
    "model=preact_resnet20",
    "batch_size=128",
    "lr=0.2",
    "trick/lr_regime=cosine",
    "trick/optimizer=sgd_nesterov",
    "trick/augmentation=none",
    "trick/squeeze_excite=off",
    "trick/stem_activation=relu",
    "tricks.weight_decay.value=1e-4",
    "tricks.mixup.alpha=1.0",
    "test_set=true",
]
GOAL = "the published sign, or within the spread of the seeds"


def main() -> None:
    """Run the checklist, and publish its effects beside those of the table."""
    parser = arguments(__doc__, repeats=SEEDS)
    parser.add_argument("--data", type=Path, help="CIFAR-10 as folders of images")
    parser.add_argument("--cache", type=Path, help="that has decoded images already, if it has")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--quick", action="store_true", help="tiny data, two steps")
    options = parser.parse_args()
    why = _why_not(options)
    if why:
        rows = [
            unmeasured(name, f"published {points:+.2f}", "points", in_words=GOAL, why=why)
            for name, points in PUBLISHED.items()
        ]
    else:
        found = _accuracies(options)
        rows = [
            effect_row(name, points, found, _shortened(options))
            for name, points in PUBLISHED.items()
        ]
    publish("replication", rows, versions("torch", "torchvision"), options)


def _why_not(options: argparse.Namespace) -> str:
    import torch

    if options.quick:
        return ""
    if options.data is None:
        return "no --data with CIFAR-10"
    return "" if options.device == "cpu" or torch.cuda.is_available() else "no GPU"


def _shortened(options: argparse.Namespace) -> str:
    if options.quick:
        return "quick: tiny data, two steps; says nothing of the trick"
    return "" if options.epochs == EPOCHS else f"{options.epochs} epochs in place of {EPOCHS}"


def _accuracies(options: argparse.Namespace) -> Mapping[str, list[float]]:
    """Run the sweep; return the test accuracies of each trial's seeds, in points."""
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder) / "conf" / "checklist"
        conf.mkdir(parents=True)
        (conf / "hysts_targets.yaml").write_text(CHECKLIST)
        words = [*RECIPE, f"seeds={options.repeats}", "baseline_repeats=1"]
        words += [f"epochs={options.epochs}"]
        if options.quick:
            words += ["dataset=tiny", "max_steps=2", "batch_size=16", "floor=0"]
        else:
            words += ["dataset=folder", f"dataset.source.root='{options.data.absolute()}'"]
        if options.device == "cpu":
            words += ["runtime.device=cpu", "hydra.launcher.devices=cpu"]
        words += ["--config-dir", str(conf.parent)]
        found: dict[str, list[float]] = {}
        with swept(words, options.cache or Path(folder) / "cache", shown=True) as (trials, _):
            for trial in sorted(trials):
                result = json.loads((trial / "result.json").read_text())
                assert result["status"] == "finished", f"{trial}: {result['reason']}"
                name = trial.name.rpartition("-s")[0]
                found.setdefault(name, []).append(100 * result["test_accuracy"])
    return found


def effect_row(
    name: str, published: float, accuracies: Mapping[str, list[float]], note: str
) -> Row:
    """Return the row of one change: our difference of medians beside the published one.

    `low` and `high` are the differences of the seeds, run by run.
    """
    trial, base = accuracies[name], accuracies["baseline"]
    ours = statistics.median(trial) - statistics.median(base)
    each = [a - b for a, b in zip(trial, base, strict=True)]
    spread = max(max(base) - min(base), max(trial) - min(trial))
    reached = ours * published > 0 or abs(ours - published) <= spread
    return Row(
        what=f"{name}, median of {len(trial)}",
        peer="hysts' table, test accuracy",
        unit="points",
        ours=ours,
        theirs=published,
        value=ours - published,
        low=min(each),
        high=max(each),
        in_words=GOAL,
        held=None if note.startswith("quick") else reached,
        note=note,
        equal_work={"baseline": base, name: trial},
    )


if __name__ == "__main__":
    main()
