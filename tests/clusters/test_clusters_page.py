"""docs/clusters.md: its commands run as they stand, on small data, on a Slurm and a Ray of ours."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from hydra_plugins.darkmagic import config as launchers
from machines import APP
from slurm_cluster import missing_tools, slurm_cluster

PAGE = (Path(__file__).parents[2] / "docs" / "clusters.md").read_text()
COMMANDS = [
    line
    for text in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in text.splitlines()
    if line.startswith("darkmagic ")
]
SMALL = [
    *("dataset=tiny", "model.build.width=16", "runtime.device=cpu", "epochs=1"),
    "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]",
]


def _environment(folder: Path) -> dict[str, str]:
    return {**os.environ, "DARKMAGIC_CACHE": str(folder / "cache")}


def _start(command: str, folder: Path, env: Mapping[str, str], *more: str) -> subprocess.Popen[str]:
    words = [*shlex.split(command)[1:], *more]
    if words[:2] == ["checklist", "run"]:
        words += SMALL
    return subprocess.Popen(
        [sys.executable, "-m", "darkmagic.cli", *words],
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _run(command: str, folder: Path, env: Mapping[str, str], *more: str) -> str:
    process = _start(command, folder, env, *more)
    output, _ = process.communicate(timeout=400)
    assert process.returncode == 0, f"{command}\n{output}"
    return output


def _command(*words: str) -> str:
    """Return the one command of the page that has all of `words`."""
    (found,) = [c for c in COMMANDS if all(word in c.split() for word in words)]
    return found


def test_every_command_of_the_page_has_a_test() -> None:
    """The tests below run each command, so that none can be added without one."""
    assert len(COMMANDS) == 8
    assert len([c for c in COMMANDS if "hydra/launcher=slurm" in c]) == 2


@pytest.mark.parametrize("name", ["Local", "Worker", "Slurm", "Ray"])
def test_keys_that_the_page_names_are_those_of_the_launcher(name: str) -> None:
    """Each key of a launcher's table and commands is one of its configuration."""
    fields = vars(launchers)[f"{name}LauncherConf"].__dataclass_fields__
    section = {"Slurm": "## Slurm", "Ray": "## Ray", "Worker": "## Machines", "Local": "## In your"}
    text = PAGE.partition(section[name])[2].partition("\n## ")[0]
    named = set(re.findall(r"hydra\.launcher\.(\w+)", text))
    if name == "Slurm":
        rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
        in_table = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
        assert fields.keys() - in_table == {"_target_", "lease_seconds"}
        named |= in_table
    assert named <= fields.keys()


@pytest.mark.weekly
@pytest.mark.timeout(900)
def test_commands_of_workers(tmp_path: Path) -> None:
    """A sweep waits until a worker comes, which is left as the page says, and the table is made."""
    env = _environment(tmp_path)
    (tmp_path / "runs").mkdir()
    worker = _start(_command("worker", "--out"), tmp_path, env, "--devices", "cpu")
    try:
        output = _run(_command("hydra/launcher=worker"), tmp_path, env)
    finally:
        worker.terminate()
        said, _ = worker.communicate(timeout=60)
    assert "mixup=on" in output
    assert said.count(": finished") == 2


@pytest.fixture
def slurm(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return the environment of a machine from which a Slurm takes jobs."""
    with slurm_cluster() as cluster:
        yield {**cluster.env, **_environment(tmp_path), "PATH": cluster.env["PATH"]} | {
            "SLURM_CONF": cluster.env["SLURM_CONF"]
        }


@pytest.mark.weekly
@pytest.mark.timeout(900)
@pytest.mark.skipif(bool(missing_tools()), reason=f"missing: {missing_tools()}")
@pytest.mark.xdist_group("slurm")
def test_commands_of_slurm(slurm: dict[str, str], tmp_path: Path) -> None:
    """The sweep is left, looked at, watched to its end, and picked up for its table."""
    assert "checklist status -n cluster" in _run(_command("--detach"), tmp_path, slurm)
    assert "baseline" in _run(_command("checklist", "status"), tmp_path, slurm)
    assert "cluster: 2 finished" in _run(_command("checklist", "watch"), tmp_path, slurm)
    (again,) = [c for c in COMMANDS if "=slurm" in c and "--detach" not in c]
    assert "mixup=on" in _run(again, tmp_path, slurm)


@pytest.mark.weekly
@pytest.mark.timeout(900)
@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
def test_commands_of_ray(tmp_path: Path) -> None:
    """A cluster of this machine that was started before runs the sweep."""
    ray = str(Path(sys.executable).with_name("ray"))
    env = {**_environment(tmp_path), "RAY_USAGE_STATS_ENABLED": "0"}
    start = [ray, "start", "--head", "--block", "--num-cpus=2", "--include-dashboard=false"]
    head = subprocess.Popen(
        [*start, "--port=0"], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        assert head.stdout is not None
        for line in head.stdout:
            if "Ray runtime started" in line:
                break
        output = _run(_command("hydra/launcher=ray"), tmp_path, env)
    finally:
        head.terminate()
        head.communicate(timeout=60)
    assert "mixup=on" in output


@pytest.mark.weekly
@pytest.mark.timeout(900)
def test_commands_of_large_trials(tmp_path: Path) -> None:
    """Two processes train each trial, on a CPU where there is no GPU."""
    more = ("hydra.launcher.devices=cpu",)
    command = _command("hydra.launcher.gpus_per_trial=2")
    assert "mixup=on" in _run(command, tmp_path, _environment(tmp_path), *more)
    (result,) = (tmp_path / "runs" / "large").glob("baseline-*/result.json")
    assert "in 2 processes" in result.read_text()


@pytest.mark.weekly
@pytest.mark.timeout(900)
def test_foreign_application_needs_what_the_page_installs(tmp_path: Path) -> None:
    """A fresh environment of the page's packages runs the application: no torch and no MLflow."""
    repo, source = Path(__file__).parents[2], tmp_path / "source"
    source.mkdir()  # a build in the repository would make anew what this process imports
    names = ["checklist", "trainers", "sweeps", "cli", "pyproject.toml", "README.md", "LICENSE"]
    subprocess.run(["cp", "-r", *(str(repo / name) for name in names), str(source)], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    installs = [line for line in PAGE.splitlines() if line.startswith("pip install ")]
    assert installs == [
        "pip install hydra-core cloudpickle filelock numpy",
        "pip install --no-deps darkmagic-checklist",
    ]
    for line in installs:
        words = [
            str(source) if word == "darkmagic-checklist" else word for word in line.split()[1:]
        ]
        subprocess.run([python, "-m", "pip", "-q", *words], check=True, timeout=400)
    (tmp_path / "app.py").write_text(APP.replace("config.x", "config.lr"))
    (command,) = [line for line in PAGE.splitlines() if line.startswith("python app.py -m")]
    words = command.replace(" lr=", " +lr=").split()[1:]
    words += ["hydra.launcher.devices=cpu", f"hydra.sweep.dir={tmp_path}/m"]
    subprocess.run([python, *words], cwd=tmp_path, check=True, timeout=200)
    answers = [float((tmp_path / "m" / str(i) / "answer").read_text()) for i in range(2)]
    assert answers == pytest.approx([0.01, 0.04])
    listed = subprocess.run(
        [python, "-m", "pip", "list"], check=True, capture_output=True, text=True
    ).stdout
    assert not {"torch", "mlflow"} & set(listed.split())
