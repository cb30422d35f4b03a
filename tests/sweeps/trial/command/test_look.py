"""Dry runs of a user's script leave nothing, in whatever tracker it writes to."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from darkmagic.sweeps.trial.command.look import refusal_of

SCRIPT = """
import json, os, pathlib, sys
names = ("WANDB_DIR", "MLFLOW_TRACKING_URI")
kept = {name: os.environ.get(name, "") for name in names}
pathlib.Path(kept["WANDB_DIR"] or ".", "wandb").mkdir(parents=True)
pathlib.Path(sys.argv[1]).write_text(json.dumps(kept))
"""


@pytest.mark.parametrize("users", ["", "sqlite:///mine.db"])
def test_what_a_dry_run_tracks_is_deleted_with_it(
    users: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Words of training, as of --check, write their runs where the dry run is, not to the user's
    store and not to the working folder.
    """
    monkeypatch.chdir(tmp_path)
    if users:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", users)
    else:
        monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    seen = tmp_path / "seen.json"
    node = {
        "command": [sys.executable, "-c", SCRIPT, str(seen)],
        "metric": "acc",
        "check": ["--epochs", "0"],
    }
    found = refusal_of({"trainer": node, "seed": 0, "runtime": {"preflight_seconds": 60}})
    assert not found.problem
    kept = json.loads(seen.read_text())
    assert Path(kept["WANDB_DIR"]).name == "output"
    assert kept["MLFLOW_TRACKING_URI"] == f"sqlite:///{kept['WANDB_DIR']}/mlflow.db"
    assert not Path(kept["WANDB_DIR"]).exists()
    assert [path.name for path in tmp_path.iterdir()] == ["seen.json"]
