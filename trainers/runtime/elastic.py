"""A function in several processes of this machine, under torch's own elastic launcher."""

from __future__ import annotations

import contextlib
import os
import tempfile
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import distributed

__all__ = ["run_in_processes"]


def run_in_processes(count: int, function: Callable[..., Any], *args: Any) -> Any:
    """Run `function` in `count` processes that can sum tensors; return what the first one returns.

    Each sees one of the GPUs of this process, or the CPU. They are forked, so that nothing is
    imported again: this process may not have used a GPU. When one fails, the others are ended, and
    `RuntimeError` has its message.
    """
    # Here, as they take half a second that a trial of one process does not need.
    from torch.distributed.elastic.multiprocessing.errors import (  # noqa: PLC0415
        ChildFailedError,
    )
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch  # noqa: PLC0415

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        max_restarts=0,
        monitor_interval=0.2,
        start_method="fork",
    )
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first"
        try:
            return elastic_launch(config, _in_process)(first, function, args)[0]
        except ChildFailedError as error:
            local_rank, failure = error.get_first_failure()
            said = first.read_text() if first.exists() else ""
            raise RuntimeError(said or f"process {local_rank}: {failure.message}") from error


def _in_process(first: Path, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    backend = "gloo"
    if visible:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible.split(",")[int(os.environ["LOCAL_RANK"])]
        backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # all of them are on this machine
    distributed.init_process_group(backend)
    try:
        return function(*args)
    except Exception as error:
        # Before the others hear of it: what they raise then is of the lost connection.
        with contextlib.suppress(FileExistsError), first.open("x") as file:
            file.write(f"process {os.environ['RANK']}: {type(error).__name__}: {error}")
        raise
    finally:
        distributed.destroy_process_group()
