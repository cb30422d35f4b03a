"""Our loop as a user's command, and in process: the same checklist gives the same numbers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from commanding import TINY, run_command
from darkmagic.trainers.outputs.result_file import read_result

SCRIPT = Path(__file__).parent / "loop_as_command.py"
RECIPE = ["dataset=tiny", "model.build.width=16", "epochs=1", "runtime.device=cpu"]
FILE = """
defaults: [command, _self_]
name: ours
command: [PYTHON, "{args}", --seed, "{seed}", --out, "{directory}"]
metric: accuracy
check: []
tricks:
  mixup: {"off": [trick/mixup=off], "on": [trick/mixup=on]}
  optimizer: {sgd_nesterov: [trick/optimizer=sgd_nesterov], adam: [trick/optimizer=adam]}
"""
CHECKLIST = {
    1: "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]",
    2: "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']},"
    "{name: optimizer, section: s, options: [sgd_nesterov, adam]}]",
}


def _values(folder: Path, experiment: str) -> dict[str, float]:
    found = {}
    for path in (folder / "runs" / experiment).glob("*/result.json"):
        result = read_result(path.parent)
        assert result is not None
        assert result["status"] == "finished", result["reason"]
        name = path.parent.name.rpartition("-")[0]  # without the identity
        found[name] = result.get("val_accuracy") or result["value"]
    return found


@pytest.mark.weekly
@pytest.mark.parametrize(("tricks", "seeds"), [(1, 1), (2, 2)])
def test_command_around_our_loop_gives_the_numbers_of_our_loop(
    tmp_path: Path, tricks: int, seeds: int
) -> None:
    """Each trial's accuracy is the same to the last digit, whichever way it was trained."""
    (tmp_path / "conf" / "trainer").mkdir(parents=True)
    (tmp_path / "conf" / "trainer" / "ours.yaml").write_text(FILE.replace("PYTHON", sys.executable))
    shared = [CHECKLIST[tricks], "checklist.name=c", f"seeds={seeds}", f"baseline_repeats={seeds}"]
    words = json.dumps([str(SCRIPT), *RECIPE]).replace('"', "'")
    launcher = ["hydra.launcher.threads=1", "hydra.launcher.devices=cpu"]
    arguments = [*shared, *launcher, "--skip-preflight"]
    ways = {
        "command": ["-c", "conf", "trainer=ours", f"trainer.args={words}"],
        "process": [*TINY, "model.build.width=16", "epochs=1", "floor=0"],
    }
    for name, own in ways.items():
        done = run_command("checklist", "run", *own, *arguments, "-n", name, folder=tmp_path)
        assert done.returncode == 0, done.stderr + done.stdout
    inside = _values(tmp_path, "process")
    assert len(inside) == (1 + tricks) * seeds
    assert _values(tmp_path, "command") == inside
