"""Servers of the tests: PostgreSQL, S3 and the team's MLflow, on loopback and stopped again."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

__all__ = [
    "SECRET",
    "MLflowServer",
    "Postgres",
    "free_port",
    "running_mlflow",
    "running_postgres",
    "running_s3",
]

REPO = Path(__file__).parents[2]
SECRET = "s3cretw0rd"
"""A password, which PostgreSQL trusts everyone without, and which nothing may show."""


def free_port() -> int:
    """Return a port of this machine that nobody has."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _program(name: str) -> str | None:
    installed = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(installed[-1]) if installed else shutil.which(name)


class Postgres:
    """A PostgreSQL server that the test starts, as user postgres if the test runs as root."""

    def __init__(self, folder: Path, initdb: str, ctl: str) -> None:
        self._folder, self._ctl = folder, ctl
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user is not None:
            os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        self.port = free_port()
        self.uri = f"postgresql+psycopg://postgres:{SECRET}@127.0.0.1:{self.port}/postgres"
        self._call(initdb, "-D", f"{folder}/data", "-U", "postgres", "-A", "trust")
        self.start()

    def _call(self, *overrides: str) -> None:
        subprocess.run(
            overrides,
            check=True,
            user=self._user,
            cwd=self._folder,
            stdout=subprocess.DEVNULL,
            timeout=60,
        )

    def start(self) -> None:
        """Start the server on its data folder."""
        options = f"-p {self.port} -c listen_addresses=127.0.0.1"
        options += f" -c unix_socket_directories={self._folder}"
        overrides = ["-D", f"{self._folder}/data", "-o", options, "-l", f"{self._folder}/log"]
        self._call(self._ctl, *overrides, "-w", "start")
        self.serves = True

    def ask_for_passwords(self) -> None:
        """Trust nobody from here on."""
        rules = Path(self._folder, "data", "pg_hba.conf")
        rules.write_text("host all all 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        self._call(self._ctl, "-D", f"{self._folder}/data", "reload")

    def stop(self) -> None:
        """Stop the server at once, which drops every connection."""
        self.serves = False
        self._call(self._ctl, "-D", f"{self._folder}/data", "-m", "immediate", "stop")


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Start a server with an empty database; skip the test where there is none."""
    initdb, ctl = _program("initdb"), _program("pg_ctl")
    if initdb is None or ctl is None:
        pytest.skip("PostgreSQL is not installed (Debian: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="darkmagic-pg-"))
    server = Postgres(folder, initdb, ctl)
    try:
        yield server
    finally:
        if server.serves:
            server.stop()
        shutil.rmtree(folder)


@contextlib.contextmanager
def running_s3(folder: Path) -> Iterator[str]:
    """Start a server of S3's protocol, which keeps nothing; return its address."""
    port = free_port()
    command = [sys.executable, "-m", "moto.server", "--port", str(port)]
    with (folder / "s3.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        _until_it_answers(f"{address}/moto-api/", process)
        yield address
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def running_mlflow(folder: Path) -> Iterator[str]:
    """Start MLflow's own server on a database in `folder`; return its address."""
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/served.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    with (folder / "served.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        _until_it_answers(f"{address}/health", process)
        yield address
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class MLflowServer:
    """The server of `docker/compose.yaml`, started by its own script, without a container."""

    def __init__(self, postgres: Postgres, s3: str, folder: Path) -> None:
        self.uri = f"http://127.0.0.1:{free_port()}"
        self.log = folder / "mlflow.log"
        self.admin_password = f"admin-{SECRET}"
        self._process: subprocess.Popen[bytes] | None = None
        self._env = {
            **os.environ,
            "POSTGRES_USER": "postgres",
            "POSTGRES_DB": "postgres",
            "POSTGRES_PORT": str(postgres.port),
            "POSTGRES_PASSWORD": f"{SECRET}/%@:",
            "MLFLOW_S3_ENDPOINT_URL": s3,
            "AWS_ACCESS_KEY_ID": "mlflow",
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
            "MLFLOW_AUTH_ADMIN_PASSWORD": self.admin_password,
            "MLFLOW_FLASK_SERVER_SECRET_KEY": SECRET,
        }

    def start(self) -> None:
        """Start it, and wait until it is healthy."""
        port = self.uri.rpartition(":")[2]
        script = str(REPO / "docker/mlflow/serve.py")
        command = [sys.executable, script, "--port", port, "--workers", "1"]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                command, env=self._env, stdout=log, stderr=log, start_new_session=True
            )
        _until_it_answers(f"{self.uri}/health", self._process)

    def add_user(self, name: str, password: str) -> None:
        """Add a user, as the administrator does (docs/team.md)."""
        admin = base64.b64encode(f"admin:{self.admin_password}".encode()).decode()
        request = urllib.request.Request(
            f"{self.uri}/api/2.0/mlflow/users/create",
            json.dumps({"username": name, "password": password}).encode(),
            {"Authorization": f"Basic {admin}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            assert answer.status == 200

    def kill(self) -> None:
        """End it and what it started at once, in the middle of whatever it does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def _until_it_answers(address: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 300
    while True:
        assert process.poll() is None, "it ended"
        try:
            urllib.request.urlopen(address, timeout=5)
        except (urllib.error.URLError, OSError):
            assert time.monotonic() < deadline, f"{address} never answers"
            time.sleep(0.2)
        else:
            return
