"""NVIDIA's Multi-Process Service: processes that share a GPU at the same time, not in turn.

Ours is a control daemon with pipe and log directories of its own, which no one else's clients
find, and which quits at the end. A daemon that someone else started, and the GPU's
own settings, are left alone. Source: NVIDIA, "Multi-Process Service", sections on provisioning
and on `nvidia-cuda-mps-control`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

__all__ = ["SHARE", "MpsUnavailable", "client_env", "find_control", "mps_server"]

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
SHARE = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"
SPARE = 2
"""Times its equal share of the multiprocessors that a client may use. On an H200, 8 trials of
ResNet-20 took 807 steps a second together without limits, 982 at 25 % each, 833 at 13 %.
"""
FOLDERS = ("/usr/bin", "/usr/local/nvidia/bin", "/opt/nvidia/bin")
"""Where containers have NVIDIA's programs, on the path or not."""
DEFAULT_CONTROL = Path("/tmp/nvidia-mps/control")  # noqa: S108 (NVIDIA's choice, which is only looked at)
TIMEOUT_SECONDS = 30


class MpsUnavailable(Exception):  # noqa: N818 (a finding, not an error)
    """There is no MPS of our own to be had here; the message says why."""


def find_control() -> str | None:
    """Return the path of NVIDIA's control program; None where it is not installed."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *FOLDERS])
    return shutil.which(CONTROL, path=path)


@contextlib.contextmanager
def mps_server() -> Iterator[Mapping[str, str]]:
    """Run a daemon of our own; give the environment of its clients.

    Raises `MpsUnavailable`. Clients have to be gone when this ends.
    """
    program = find_control()
    if program is None:
        raise MpsUnavailable(f"no MPS: {CONTROL} is not installed")
    if PIPES in os.environ or DEFAULT_CONTROL.exists():
        raise MpsUnavailable("no MPS of our own: another daemon is there, which is left alone")
    with tempfile.TemporaryDirectory(prefix="dm-mps-") as folder:  # sockets need short paths
        env = {PIPES: f"{folder}/pipe", LOGS: f"{folder}/log"}
        for directory in env.values():
            Path(directory).mkdir()
        _control(program, ["-d"], env)
        try:
            yield env
        finally:
            with contextlib.suppress(MpsUnavailable):  # gone already
                _control(program, [], env, stdin="quit\n")


def client_env(server: Mapping[str, str], clients: int) -> dict[str, str]:
    """Return the environment of one of `clients` that share a GPU under `server`'s.

    Each is kept to a part of the multiprocessors, so that fewer kernels wait behind others.
    A share that the user has set stands.

    >>> client_env({"CUDA_MPS_PIPE_DIRECTORY": "/x"}, 8)["CUDA_MPS_ACTIVE_THREAD_PERCENTAGE"]
    '25'
    """
    if SHARE in os.environ or clients <= SPARE:
        return dict(server)
    return {**server, SHARE: str(SPARE * 100 // clients)}


def _control(program: str, options: list[str], env: Mapping[str, str], stdin: str = "") -> None:
    """Call the control program. The daemon is to see all GPUs: leases name them as they are."""
    everything = {k: v for k, v in os.environ.items() if k != "CUDA_VISIBLE_DEVICES"}
    with tempfile.TemporaryFile("w+") as output:  # a pipe would stay open as long as the daemon
        try:
            done = subprocess.run(  # noqa: S603 (found on the path, fixed options)
                [program, *options],
                env={**everything, **env},
                input=stdin,
                stdout=output,
                stderr=output,
                text=True,
                timeout=TIMEOUT_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise MpsUnavailable(f"no MPS: {error}") from error
        output.seek(0)
        printed = output.read().strip().splitlines()
    if done.returncode != 0:
        why = printed[-1] if printed else f"it ended with code {done.returncode}"
        raise MpsUnavailable(f"no MPS: {why}")
