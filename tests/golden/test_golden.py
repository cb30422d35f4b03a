"""The article's checklist on digits trains the numbers that it trained when it was recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commanding import run_command
from record import machine, read_trials

RECORDED = json.loads((Path(__file__).parent / "article_digits.json").read_text())
OVERRIDES = ["amp=off", "epochs=2", "hydra.launcher.threads=1", "hydra.launcher.devices=cpu"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[list[float]]]:
    """Train the checklist's sixteen trials as they were recorded."""
    folder = tmp_path_factory.mktemp("golden")
    command = ["checklist", "run", "--skip-preflight", *OVERRIDES, "runtime.device=cpu"]
    done = run_command(*command, folder=folder, DARKMAGIC_CACHE=str(folder / "cache"))
    assert done.returncode == 0, done.stderr
    return read_trials(folder / "runs" / "article-digits-resnet8")


def test_trials_keep_their_identities(trained: dict[str, list[list[float]]]) -> None:
    """Every trial has the folder it had, so that an experiment begun before goes on."""
    assert trained.keys() == RECORDED["trials"].keys()


def test_trials_train_the_recorded_numbers(trained: dict[str, list[list[float]]]) -> None:
    """Losses, accuracies and rates are the recorded ones: bit for bit on the same processor and
    torch, elsewhere within what another order of sums changes.
    """
    if machine() == RECORDED["machine"]:
        assert trained == RECORDED["trials"]
        return
    for name, epochs in RECORDED["trials"].items():
        for expected, found in zip(epochs, trained[name], strict=True):
            assert found == pytest.approx(expected, rel=0.05, abs=0.05), name
