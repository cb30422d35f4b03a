"""Scripts that log to MLflow or to W&B alone, with the real packages: their metrics are found.

Weekly, as MLflow makes a database for each run. W&B is installed into an environment of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from commanding import run_command
from darkmagic.trainers.outputs.event_log import parse_event

pytestmark = [pytest.mark.weekly, pytest.mark.timeout(1800)]
SCRIPT = """
import argparse, os, random
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--how", default="logs")
args = parser.parse_args()
HEAD
draw = random.Random(args.seed)
for epoch in range(1, 4):
    value = 0.5 + 0.1 * epoch + 0.05 * (args.how == "gain") + draw.gauss(0, 0.001)
    if args.how == "crash" and epoch == 2:
        raise RuntimeError("the images are gone")
    if args.how != "none":
        LOG
"""
TRACKERS = {
    "mlflow": (
        (
            "import mlflow\nif args.how == 'elsewhere': mlflow.set_tracking_uri('sqlite:///mine.db')\n"
            "mlflow.set_experiment('digits'); mlflow.start_run()"
        ),
        "mlflow.log_metric('val_acc', value, step=epoch)",
        "no number in its output or {directory}; print 'METRIC val_acc=0.9', or give",
        "its MLflow run",
    ),
    "wandb": (
        (
            "import wandb\nout = 'mine' if args.how == 'elsewhere' else None\n"
            "run = wandb.init(project='digits', mode='offline', dir=out)"
        ),
        "run.log({'val_acc': value, 'epoch': epoch})",
        "no number in its output or {directory}; print 'METRIC val_acc=0.9', or give",
        "W&B's run-",
    ),
}


@pytest.fixture(scope="module")
def wandb_python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the interpreter of an environment that has W&B and nothing of ours."""
    folder = tmp_path_factory.mktemp("wandb")
    subprocess.run(["uv", "venv", "--quiet", str(folder)], check=True)
    python = str(folder / "bin" / "python")
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", python, "wandb"], check=True)
    return python


@pytest.mark.parametrize("tracker", TRACKERS)
def test_metric_of_a_tracker_alone_is_found(
    tmp_path: Path, wandb_python: str, tracker: str
) -> None:
    """Curve and last value come from the script's own run; a run without the metric says so."""
    head, log, elsewhere, source = TRACKERS[tracker]
    (tmp_path / "mine").mkdir()
    (tmp_path / "train.py").write_text(SCRIPT.replace("HEAD", head).replace("LOG", log))
    words = ["--seeds", "1", "--set", "baseline_repeats=1", "-n", "tracked", "--check", ""]
    for how in ("gain", "crash", "none", "elsewhere"):
        words += ["--change", f"{how}=--how {how}"]
    python = wandb_python if tracker == "wandb" else sys.executable
    own = ["--metric", "val_acc", "--python", python, *words]
    done = run_command("compare", *own, "--", "python", "train.py", folder=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "bug" not in done.stdout + done.stderr
    folder = tmp_path / "runs" / "tracked"
    content = json.loads((folder / "report.json").read_text())
    rows = {row["trial"].removesuffix("=on"): row for row in content["rows"]}
    assert rows["gain"]["difference_points"] == pytest.approx(0.05)
    assert "RuntimeError: the images are gone" in rows["crash"]["reason"]
    assert f"NoMetric: val_acc never came: no number in {source}" in rows["none"]["reason"]
    assert elsewhere in rows["elsewhere"]["reason"]
    (trial,) = folder.glob("gain-on-*")
    lines = (trial / "events.jsonl").read_bytes().splitlines()
    events = [event for line in lines if (event := parse_event(line)) is not None]
    assert [e["epoch"] for e in events if e["type"] == "epoch"][:3] == [1, 2, 3]
    assert any(source in e["where"] for e in events if e["type"] == "source")
    assert not (tmp_path / "wandb").exists()
    assert not (tmp_path / "mlruns").exists()
