"""The whole checklist's wall time against the sum of its training steps at the best rate.

    python tests/benchmarks/whole_checklist.py [--device cuda] [--epochs N] [--json] [--results]
    python tests/benchmarks/whole_checklist.py --data PATH     # CIFAR-10 as folders of images

The command is timed as a user runs it, from its start to its report.

On a GPU it is the article's checklist, packed as it was calibrated, beside the time that its
training steps took, divided by how many trials shared the GPU: what is more is starts, evaluations,
checkpoints, the calibration, the report, and lanes that wait for the last trial.

Without one its row says so, and digits on the CPU are measured beside it, without a goal: trials of
seconds are mostly their start. There the steps are those of each trial at the least seconds a step
that any of its epochs took, packed or alone with all threads.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from harness.machine import versions
from harness.sweeps import swept
from harness.table import Row, arguments, limited, publish, unmeasured
from harness.turns import Measured

GOAL = 1.15


def sweep(words: list[str], cache: Path) -> tuple[float, dict[str, tuple[int, float]]]:
    """Run the checklist; return its wall time, and each trial's steps and best seconds a step."""
    with swept(words, cache) as (trials, wall):
        found = {}
        for trial in trials:
            epochs = [event for event in _events(trial) if event["type"] == "epoch"]
            steps = sum(event["steps"] for event in epochs)
            name = trial.name.rpartition("-")[0]
            found[name] = steps, min(event["seconds"] / event["steps"] for event in epochs)
    return wall, found


def _events(trial: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (trial / "events.jsonl").read_text().splitlines()]


def measure(what: str, words: list[str], repeats: int, goal: float | None) -> Row:
    """Return the row of a checklist: packed as it comes, and one trial at a time for the rates."""
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        sweep([*words, "epochs=1"], cache)  # fills the caches
        _, alone = sweep([*words, "hydra.launcher.trials_per_device=1"], cache)
        packed = "hydra.launcher.trials_per_device=auto"
        turns = [sweep([*words, packed], cache) for _ in range(repeats)]
    sums = []
    for _, packed in turns:
        assert packed.keys() == alone.keys(), "other trials than alone"
        assert all(packed[name][0] == alone[name][0] for name in alone), "other steps than alone"
        best = (steps * min(each, packed[name][1]) for name, (steps, each) in alone.items())
        sums.append(sum(best))
    walls = [wall for wall, _ in turns]
    shares = Measured(tuple(w / s for w, s in zip(walls, sums, strict=True)))
    note = f"{Measured(tuple(walls)).median:.1f} s for {Measured(tuple(sums)).median:.1f} s"
    return limited(what, "wall / steps", shares, at_most=goal, note=note)


def measure_packed(what: str, words: list[str], cache: Path) -> Row:
    """Return the row of one sweep on a GPU, whose trials shared it as `packing.json` says."""
    with swept(words, cache, shown=True) as (trials, wall):
        command_began = time.time() - wall
        steps, trained = 0.0, 0
        for trial in trials:
            result = json.loads((trial / "result.json").read_text())
            assert result["status"] in {"finished", "skipped"}, f"{trial.name}: {result['reason']}"
            trained += result["status"] == "finished"
            steps += result["train_seconds"] or 0.0
        began = min(_events(trial)[0]["time"] for trial in trials) - command_began
        ended = max((trial / "result.json").stat().st_mtime for trial in trials) - command_began
        packing = trials[0].parent / "packing.json"
        found = json.loads(packing.read_text())["packing"] if packing.exists() else {"trials": 1}
        print(json.dumps(found), file=sys.stderr)
    lanes = min(found["trials"], trained)
    share = Measured((wall / (steps / lanes),))
    note = (
        f"{wall:.1f} s for {steps:.1f} s of steps, {lanes} trials at once, {trained} trained; "
        f"the first began after {began:.1f} s, the last ended after {ended:.1f} s; 1 turn"
    )
    return limited(what, "wall / steps", share, at_most=GOAL, note=note)


def main() -> None:
    """Measure what there is a device for, and print."""
    import torch

    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto")
    parser.add_argument("--epochs", type=int, help="of a trial; 10 on a GPU, 20 on a CPU")
    parser.add_argument("--quick", action="store_true", help="one epoch")
    parser.add_argument("--data", type=Path, help="CIFAR-10 as train/CLASS/* and test/CLASS/*")
    parser.add_argument("--cache", type=Path, help="that has decoded images already, if it has")
    options = parser.parse_args()
    gpus = torch.cuda.device_count()
    what = "the article's checklist, CIFAR-10, ResNet-20"
    rows = []
    if gpus and options.device != "cpu":
        epochs = 1 if options.quick else options.epochs or 10
        words = ["dataset=cifar10"]
        if options.data is not None:
            words = ["dataset=folder", f"dataset.source.root='{options.data.absolute()}'"]
        words += ["model=resnet20", f"epochs={epochs}", "hydra.launcher.devices=0"]
        if options.quick:
            words[:1] = ["dataset=tiny"]
        what = f"the article's checklist, CIFAR-10, ResNet-20, {epochs} epochs"
        with tempfile.TemporaryDirectory() as name:
            rows.append(measure_packed(what, words, options.cache or Path(name)))
    else:
        rows.append(
            unmeasured(what, "its training steps", "wall / steps", at_most=GOAL, why="no GPU")
        )
    if not gpus or options.device == "cpu":
        epochs = 1 if options.quick else options.epochs or 20
        words = [f"epochs={epochs}", "hydra.launcher.devices=cpu"]
        rows.append(
            measure(f"whole checklist, digits, CPU, {epochs} epochs", words, options.repeats, None)
        )
    publish("whole_checklist", rows, versions("torch", "torchvision"), options)


if __name__ == "__main__":
    main()
