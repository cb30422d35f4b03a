"""Images and the Job that runs one: what can be checked of them without a daemon or a cluster."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from commanding import run_command

REPO = Path(__file__).parent.parent
JOB = REPO / "docker/kubernetes_job.yaml"
DOCKERFILES = [REPO / "docker/Dockerfile", REPO / "docker/mlflow/Dockerfile"]


def _job() -> dict[str, Any]:
    return next(d for d in yaml.safe_load_all(JOB.read_text()) if d["kind"] == "Job")


def _last_stage(file: Path) -> list[str]:
    """Return the instructions of what is shipped."""
    lines = re.sub(r"\\\n", " ", file.read_text()).splitlines()
    starts = [index for index, line in enumerate(lines) if line.startswith("FROM ")]
    return [line for line in lines[starts[-1] :] if line and not line.startswith("#")]


@pytest.mark.parametrize("file", DOCKERFILES, ids=lambda path: path.parent.name)
def test_image_is_run_by_a_user_and_says_how_it_is(file: Path) -> None:
    """Nothing runs as root, nothing secret is built in, and health is asked for."""
    stage = _last_stage(file)
    words = [line.split()[0] for line in stage]
    assert words.index("USER") < words.index("ENTRYPOINT")
    assert "useradd" in " ".join(stage)
    assert stage[words.index("USER")].split()[1] not in ("root", "0")
    assert "HEALTHCHECK" in words
    text = file.read_text()
    assert not re.search(r"(ARG|ENV) \w*(PASSWORD|SECRET|TOKEN|KEY)", text)
    for copied in re.findall(r"^COPY (?!--from)(.*) \S+$", text, re.MULTILINE):
        folder = file.parent if file.parent.name == "mlflow" else REPO
        assert all((folder / name).exists() for name in copied.split())


def test_copies_of_the_repository_have_no_secret_and_no_environment() -> None:
    """What holds passwords, runs or installed packages is not sent to a build."""
    ignored = (REPO / ".dockerignore").read_text().split()
    assert {".git", ".venv", "runs", "docker/.env"} <= set(ignored)


def test_job_runs_what_our_command_takes(tmp_path: Path) -> None:
    """The Job's arguments are a sweep that can be planned, by the user that the image has."""
    pod = _job()["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    uid = re.search(r"--uid (\d+)", DOCKERFILES[0].read_text())
    assert uid
    assert pod["securityContext"]["runAsUser"] == int(uid[1])
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert {"/work/runs", "/cache"} <= mounted
    words = list(map(str, container["args"]))
    assert words[:2] == ["checklist", "run"]
    name = words.index("-n")
    done = run_command("checklist", "plan", *words[2:name], folder=tmp_path)
    assert done.returncode == 0, shlex.join(words) + done.stderr
    unused = _job()["spec"]["podFailurePolicy"]["rules"][0]["onExitCodes"]
    assert unused["values"] == [2]  # bad input, as every command of ours ends then
    assert run_command("checklist", "run", "seeds=none", folder=tmp_path).returncode == 2


@pytest.mark.weekly
def test_job_follows_the_schemas_of_kubernetes() -> None:
    """Every resource is what the published schemas say, with nothing that they do not know."""
    pytest.importorskip("kubernetes_validate")
    program = Path(sys.executable).parent / "kubernetes-validate"
    done = subprocess.run(
        [str(program), "--strict", str(JOB)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (done.stdout + done.stderr).count(" passed ") == 2


@pytest.mark.weekly
@pytest.mark.timeout(5400)
def test_image_is_built_and_trains_without_a_daemon(tmp_path: Path) -> None:
    """Every step of the Dockerfile runs, on a Debian in place of the base, and so does the image.

    Its user, who is not root, runs the health check's command and trains a network.
    """
    missing = [tool for tool in ("buildah", "debootstrap") if shutil.which(tool) is None]
    if missing or os.geteuid() != 0:
        pytest.skip(f"needs root, buildah and debootstrap; not installed: {missing}")
    if shutil.disk_usage(tmp_path).free < 40 * 2**30:
        pytest.skip("needs 40 GiB on the disk")
    script = REPO / "docker/build_without_daemon.sh"
    done = subprocess.run([str(script), str(tmp_path)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    assert "user: darkmagic, health check: [CMD darkmagic --version]" in done.stdout
    assert "\n10001\n" in done.stdout
    assert re.search(r"^\d+\.\d+\.\d+$", done.stdout, re.MULTILINE)
    assert "val" in done.stdout
    assert str(tmp_path) not in Path("/proc/mounts").read_text()  # or else it cannot be removed
