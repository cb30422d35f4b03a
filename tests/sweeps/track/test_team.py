"""A team's MLflow: the server of `docker/compose.yaml` on a real PostgreSQL and S3's protocol."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from commanding import command
from darkmagic.sweeps.track.schema.tags import KIND, PARENT, STATUS, run_key
from machines import start_worker, until
from servers import SECRET, MLflowServer, running_postgres, running_s3

REPO = Path(__file__).parents[3]
COMPOSE = REPO / "docker/compose.yaml"
USERS = {"ann": f"ann's {SECRET}", "bob": f"bob's {SECRET}"}


def test_compose_file_follows_its_schema() -> None:
    """The file is what compose reads, as far as its published schema says."""
    schema = ["--builtin-schema", "vendor.compose-spec"]
    checked = subprocess.run(
        [str(Path(sys.executable).parent / "check-jsonschema"), *schema, str(COMPOSE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_compose_has_no_password_and_is_bound_to_this_machine() -> None:
    """Each password is a variable that has to be set, and ports are the loopback's alone."""
    services = yaml.safe_load(COMPOSE.read_text())["services"]
    secret = ("PASSWORD", "SECRET")
    values = [
        value
        for service in services.values()
        for name, value in service["environment"].items()
        if any(word in name for word in secret)
    ]
    assert len(values) == 6
    assert all(value.startswith("${") and ":?" in value for value in values)
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 1
    assert ports[0].startswith("127.0.0.1:")
    built = (REPO / "docker/mlflow/Dockerfile").read_text()
    assert all("healthcheck" in s or "HEALTHCHECK" in built for s in services.values())


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MLflowServer]:
    """Return the team's server, which runs."""
    for package in ("boto3", "moto", "flask_wtf"):
        pytest.importorskip(package)
    with running_postgres() as postgres, running_s3(tmp_path) as s3:
        team = MLflowServer(postgres, s3, tmp_path)
        try:
            team.start()
            yield team
        finally:
            team.kill()


def _as(user: str, password: str) -> dict[str, str]:
    return {"MLFLOW_TRACKING_USERNAME": user, "MLFLOW_TRACKING_PASSWORD": password}


NOOP = """
import argparse, json, time
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int)
parser.add_argument("--gain", type=float, default=0.0)
options = parser.parse_args()
for epoch in (1, 2):
    time.sleep(0.3)
    accuracy = (options.gain + options.seed + epoch) / 100
    print(json.dumps({"epoch": epoch, "acc": accuracy}), flush=True)
"""
"""A training script of two epochs that trains nothing."""


def _start(folder: Path, user: str, server: MLflowServer, *sets: str) -> subprocess.Popen[str]:
    """Start a sweep of 16 rows and three seeds."""
    (folder / "noop.py").write_text(NOOP)
    script = str(folder / "noop.py")  # workers have a folder of their own
    words = ["--metric", "acc", "--seeds", "3", "-n", user]
    for row in range(1, 16):
        words += ["--change", f"g{row}=--gain {row}"]
    for override in ("baseline_repeats=3", *sets):
        words += ["--set", override]
    return subprocess.Popen(
        command("compare", *words, "--", sys.executable, script, "--seed", "{seed}"),
        cwd=folder,
        env={**os.environ, **_as(user, USERS[user]), "MLFLOW_TRACKING_URI": server.uri},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.weekly
@pytest.mark.timeout(1800)
def test_two_sweeps_on_a_server_that_is_killed_lose_nothing(
    server: MLflowServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each run, metric and artifact of 2 x 16 x 3 trials is in the server once, as in the files.

    One orchestrator trains by itself, the other's trials are trained by two workers, who have no
    password; each is a user of the server, which is killed and comes back.
    """
    for name, value in _as("admin", server.admin_password).items():
        monkeypatch.setenv(name, value)
    for user, password in USERS.items():
        server.add_user(user, password)
    folders = {user: tmp_path / user for user in USERS}
    for folder in folders.values():
        (folder / "runs").mkdir(parents=True)
    experiments = {user: folder / "runs" / user for user, folder in folders.items()}
    kinds = {"ann": "hydra.launcher.trials_per_device=1", "bob": "hydra/launcher=worker"}
    sweeps = {user: _start(folders[user], user, server, kind) for user, kind in kinds.items()}
    workers = [start_worker(folders["bob"] / "runs") for _ in range(2)]
    try:
        processes = [*sweeps.values(), *workers]
        for folder in experiments.values():
            _wait_for_results(folder, 6, processes)
        server.kill()
        for folder in experiments.values():  # training goes on meanwhile
            _wait_for_results(folder, len(_results(folder)) + 3, processes)
        server.start()
        printed = {user: sweep.communicate(timeout=900)[0] for user, sweep in sweeps.items()}
        assert [sweep.returncode for sweep in sweeps.values()] == [0, 0], printed
        # Where the sweep ended before the server was back, this sends what was missing.
        again = {user: _start(folders[user], user, server, kind) for user, kind in kinds.items()}
        repeated = {user: sweep.communicate(timeout=900)[0] for user, sweep in again.items()}
        assert [sweep.returncode for sweep in again.values()] == [0, 0], repeated
    finally:
        for process in (*sweeps.values(), *workers):
            process.kill()
            process.wait()
        worked = [worker.communicate()[0] for worker in workers]
    for user, folder in experiments.items():
        assert "MLflow is away" in printed[user], printed[user]
        _check_everything_is_there_once(server.uri, user, folder)
    said = "".join([*printed.values(), *repeated.values(), *worked])
    files = [path for folder in folders.values() for path in folder.rglob("*") if path.is_file()]
    assert SECRET not in said
    assert not [path for path in files if SECRET.encode() in path.read_bytes()]


def _results(experiment: Path) -> list[Path]:
    return list(experiment.glob("*/result.json"))


def _wait_for_results(experiment: Path, count: int, processes: list[subprocess.Popen[str]]) -> None:
    def there() -> bool:
        for process in processes:
            assert process.poll() is None, process.stdout.read()
        return len(_results(experiment)) >= count

    until(there, 600)


def _check_everything_is_there_once(uri: str, experiment: str, folder: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    found = client.get_experiment_by_name(experiment)
    runs = list(client.search_runs([found.experiment_id], max_results=1000))
    (parent,) = [run for run in runs if run.data.tags[KIND] == "sweep"]
    trials = [run for run in runs if run.data.tags[KIND] == "trial"]
    assert len(trials) == len(runs) - 1 == 16 * 3
    assert max(Counter(run_key(run.data.tags) for run in trials).values()) == 1
    assert {run.data.tags[PARENT] for run in trials} == {parent.info.run_id}
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert found.artifact_location.startswith("mlflow-artifacts:/")  # through the server
    finished = [run for run in trials if run.data.tags[STATUS] == "finished"]
    assert len(finished) == 16 * 3
    directories = {path.parent.name.rpartition("-")[2]: path.parent for path in _results(folder)}
    for run in finished:
        directory = directories[run.data.tags["darkmagic.identity"][:8]]
        lines = (directory / "events.jsonl").read_text().splitlines()
        events = [json.loads(line) for line in lines]  # the last epoch's once more, at the end
        sent = sorted(
            (m.step, m.value) for m in client.get_metric_history(run.info.run_id, "value")
        )
        values = {e["epoch"]: e["value"] for e in events if e["type"] == "epoch"}
        assert sent == sorted(values.items())
        assert sent
    _check_artifacts(client, parent, [folder / f"report.{kind}" for kind in ("html", "md")])


def _check_artifacts(client: Any, run: Any, files: list[Path]) -> None:
    """Each of `files` is an artifact of `run`, the same to the last byte."""
    for file in files:
        fetched = Path(client.download_artifacts(run.info.run_id, file.name))
        assert fetched.read_bytes() == file.read_bytes()


@pytest.mark.weekly
@pytest.mark.timeout(600)
def test_administrator_adds_a_user_by_the_lines_of_the_page(
    server: MLflowServer, tmp_path: Path
) -> None:
    """With the password that the page has put into docker/.env, and in no shell's environment."""
    page = (REPO / "docs" / "team.md").read_text()
    (lines,) = [text for text in re.findall(r"```sh\n(.*?)```", page, re.DOTALL) if "curl" in text]
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / ".env").write_text(f"MLFLOW_ADMIN_PASSWORD={server.admin_password}\n")
    lines = lines.replace("http://127.0.0.1:5000", server.uri).replace('"..."', f'"new {SECRET}"')
    done = subprocess.run(
        ["bash", "-e", "-c", lines], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert '"username": "ann"' in done.stdout.replace('":"', '": "'), done.stdout + done.stderr


@pytest.mark.weekly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("password", ["", "wrong"])
def test_sweep_without_a_password_is_one_line(
    server: MLflowServer, tmp_path: Path, password: str
) -> None:
    """A server that knows nobody of that name ends the command before anything is trained.

    It is asked once, as it will not think better of it. How long that takes says nothing: most of
    it is MLflow's import.
    """
    words = ["dataset=tiny", "--skip-preflight", "-n", "stranger"]
    env = {**os.environ, "MLFLOW_TRACKING_URI": server.uri, **_as("ann", password)}
    done = subprocess.run(
        command("checklist", "run", *words),
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    assert f"MLflow's store at {server.uri} does not answer" in done.stderr.replace("\n", " ")
    assert not list(tmp_path.rglob("result.json"))
    asked = [line for line in server.log.read_text().splitlines() if "/api/" in line]
    assert len(asked) == 1
    assert "401" in asked[0]
