"""Commands in processes forked from one that has imported what they need.

A `darkmagic` command is imports first: seconds of MLflow, SQLAlchemy, SciPy and Matplotlib. Here
one process imports them, and each command is a fork of it: a real process, with its own folder,
environment, arguments, output and exit code, that starts at the command line's `main`. Start-up
itself is tested with processes of their own (`commanding.start_command`).

Commands that train fork their trials from one fork server, as seconds of each one's own would be
spent importing torch.

Run as a script, this is that process: it reads one command a line as JSON, and answers with the
exit code.
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

__all__ = ["WarmProcess"]

IMPORTS = (
    "hydra.core.plugins",
    "jinja2",
    "matplotlib.figure",
    "matplotlib.backends.backend_svg",
    "mlflow.store.tracking.sqlalchemy_store",
    "mlflow.tracking.client",
    "optuna.storages",
    "rich.live",
    "scipy.integrate",
    "scipy.optimize",
    "scipy.stats",
    "statsmodels.stats.multitest",
    "typer.rich_utils",
)
TRAINS = {
    "compare",
    "design=screen",
    "run",
    "train",
    "preflight",
    "confirm",
    "ablate",
    "tune",
    "refine",
    "optimize",
    "ensemble",
    "--estimate",
}
"""Words of the commands that start a fork server."""


class WarmProcess:
    """The process that commands are forked from; started with the first command."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(self, arguments: list[str], folder: Path, env: dict[str, str], output: Path) -> int:
        """Run `darkmagic ARGUMENTS` in `folder`; return its exit code.

        What it prints goes to the files `stdout` and `stderr` in the folder `output`.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {"arguments": arguments, "folder": str(folder), "env": env, "output": str(output)}
        try:
            self._process.stdin.write(json.dumps(job) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        except BaseException:  # a test that took too long: the next one gets a new process
            self._process.kill()
            self._process.wait()
            self._process = None
            raise
        assert answer, "the process that commands are forked from has ended"
        return int(answer)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait()


def _serve() -> int | None:
    """Fork a child for each line; return its exit code in the child, None here at the end."""
    for line in sys.stdin:
        job = json.loads(line)
        if TRAINS & set(job["arguments"]):
            from darkmagic.sweeps.launch.local import fork_server

            fork_server.warm_up()
        child = os.fork()
        if child == 0:
            return _run(job)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return None


def _run(job: dict[str, Any]) -> int:
    from darkmagic.cli.main import main

    folder, output = Path(job["folder"]), Path(job["output"])
    files = [Path(os.devnull), output / "stdout", output / "stderr"]
    for number, path in enumerate(files):
        opened = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(job["env"])
    os.chdir(folder)
    sys.path[0] = str(folder)  # as `python -m` has it
    sys.argv = ["darkmagic", *job["arguments"]]
    if TRAINS & set(job["arguments"]):
        _use_fork_server_of_parent()
    else:
        forkserver._forkserver._forkserver_pid = None  # the parent's, which this process lacks
    try:
        main()
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def _use_fork_server_of_parent() -> None:
    """Have trials forked from the parent's server, with this process's environment added."""
    from darkmagic.sweeps.launch.local import fork_server

    forkserver._forkserver.ensure_running = forkserver.ensure_running = lambda: None
    start = fork_server.start

    def start_here(*args: Any, env: Mapping[str, str], **options: Any) -> fork_server.Job:
        return start(*args, env={**os.environ, **env}, **options)

    fork_server.start = start_here


if __name__ == "__main__":
    for name in IMPORTS:
        importlib.import_module(name)
    sys.exit(_serve())
