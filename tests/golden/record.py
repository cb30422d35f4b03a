"""What the trials of an experiment trained, to the last bit, and the machine that it holds for.

    darkmagic checklist run --skip-preflight amp=off epochs=2 hydra.launcher.threads=1 -o RUNS
    python tests/golden/record.py RUNS/article-digits-resnet8 > tests/golden/article_digits.json

A change that is meant to change no number is held to the file that was recorded before it. Sums
of floating-point numbers depend on the order in which a processor's kernels add, so the file says
which processor and which torch it was recorded with: with the same, every bit is compared.
"""

from __future__ import annotations

import json
import platform
import sys
from pathlib import Path
from typing import Any

import torch

__all__ = ["machine", "read_trials"]

QUANTITIES = ("train_loss", "val_loss", "val_accuracy", "lr", "weight_decay")


def machine() -> dict[str, str]:
    """Return what the last bits of a result depend on beside the code."""
    model = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text().splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = named[0] if named else model
    capability = torch.backends.cpu.get_cpu_capability()
    return {"processor": f"{model}, {capability}", "torch": str(torch.__version__)}


def read_trials(experiment: Path) -> dict[str, list[list[float]]]:
    """Return, by trial folder (name, seed and identity), `QUANTITIES` of each epoch.

    Epochs of upstream training come first, as the trial's log has them.
    """
    trials = {}
    for log in sorted(experiment.glob("*/events.jsonl")):
        events = [json.loads(line) for line in log.read_text().splitlines()]
        trained = [event for event in events if event["type"] in ("epoch", "upstream")]
        trials[log.parent.name] = [[event[name] for name in QUANTITIES] for event in trained]
    return trials


def main(experiment: str) -> None:
    """Print the record of one experiment's folder as JSON, a line a trial."""
    content: dict[str, Any] = {"machine": machine(), "quantities": QUANTITIES}
    trials = read_trials(Path(experiment))
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(rows)}" for name, rows in trials.items())
    head = json.dumps(content)[1:-1]
    print(f'{{{head},\n "trials": {{\n{rows}\n }}\n}}')


if __name__ == "__main__":
    main(sys.argv[1])
