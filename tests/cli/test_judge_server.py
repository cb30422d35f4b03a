"""`darkmagic judge` on runs that a real MLflow server has, over HTTP: a gate by a loss."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import mlflow
import pytest

from commanding import run_command
from servers import running_mlflow

pytestmark = [pytest.mark.weekly, pytest.mark.timeout(900)]
LEVELS = {"base": 3.2, "mixup": 3.1, "adam": 3.3, "same": 3.2}
"""Bits per byte, of which fewer are better: mixup gains, adam loses, same does neither."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """Log runs to the server as a training script does, and return a folder and its address."""
    folder = tmp_path_factory.mktemp("server")
    rng = random.Random(0)
    with running_mlflow(folder) as address:
        client = mlflow.MlflowClient(address)
        for name in ("language", "other"):
            experiment = client.create_experiment(name)
            for trial, level in LEVELS.items():
                for seed in range(5):
                    run = client.create_run(experiment).info.run_id
                    client.log_param(run, "trial", trial)
                    client.log_param(run, "seed", seed)
                    for step in (1, 2):
                        value = level + 1 / step + rng.gauss(0, 0.01)
                        client.log_metric(run, "bits_per_byte", value, step=step)
                    client.set_terminated(run)
        yield folder, address


CASES = [
    ("--expect better --of mixup", 0, "as expected: better"),
    ("--expect no-worse --of same", 0, "as expected: no-worse"),
    ("--expect non-inferior --min-effect 0.05 --of same", 0, "as expected: non-inferior"),
    ("--expect equivalent --min-effect 0.05 --of same", 0, "as expected: equivalent"),
    ("--expect any-better", 0, "as expected: any-better"),
    ("--expect no-worse", 3, "not as expected (no-worse): adam is 'worse'"),
    ("--expect better --of adam", 3, "adam is 'worse'"),
    ("--expect non-inferior --min-effect 0.05 --of adam", 3, "not as expected (non-inferior)"),
    ("--expect equivalent --min-effect 0.05 --of mixup", 3, "not as expected (equivalent)"),
    ("--expect beter --of mixup", 2, "did you mean better"),
    ("--expect better --of mixpu", 2, "did you mean mixup?"),
    ("--experiment langauge", 2, "did you mean language"),
    ("--metric bits_per_bite", 2, "did you mean bits_per_byte?"),
    ("--baseline bas", 2, "did you mean base?"),
]


@pytest.mark.parametrize(("words", "code", "said"), CASES)
def test_gate_is_by_a_loss_over_http(
    server: tuple[Path, str], tmp_path: Path, words: str, code: int, said: str
) -> None:
    """0 as expected, 3 if not, 2 with one line for bad input; fewer bits are better."""
    _, address = server
    usual = {"--experiment": "language", "--metric": "bits_per_byte", "--baseline": "base"}
    own = words.split()
    rest = [word for name, value in usual.items() if name not in own for word in (name, value)]
    asked = [*own, *rest, "--trial", "trial", "--seed", "seed", "--unit", "bits", "--out", "out"]
    asked += ["--direction", "min"]
    done = run_command("judge", address, *asked, folder=tmp_path)
    assert done.returncode == code, done.stderr + done.stdout
    assert said in " ".join(done.stderr.split())
    assert len(done.stderr.strip().splitlines()) == 1
    assert (tmp_path / "out").exists() == (code != 2)
    if code == 2:
        return
    content = json.loads((tmp_path / "out" / "report.json").read_text())
    rows = {row["trial"]: row for row in content["rows"]}
    assert content["metric"]["direction"] == "min"
    assert content["metric"]["unit"] == "bits"
    assert (rows["mixup"]["verdict"], rows["adam"]["verdict"]) == ("better", "worse")
    for trial, level in LEVELS.items():
        row = rows["baseline" if trial == "base" else trial]
        assert row["value"] == pytest.approx(level + 0.5, abs=0.03)  # of the last step
    assert rows["mixup"]["difference_points"] == pytest.approx(-0.1, abs=0.03)


def test_server_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    """An address where nobody answers ends soon, with exit code 2 and what was asked for."""
    done = run_command(
        "judge", "http://127.0.0.1:9", "--metric", "loss", "--baseline", "base", folder=tmp_path
    )
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.strip().splitlines()) == 1
    assert "http://127.0.0.1:9" in done.stderr
    assert not list(tmp_path.iterdir())
