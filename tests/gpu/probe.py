"""What this machine is: versions, the GPU, its two ceilings, launch costs, MPS. A JSON object.

python tests/gpu/probe.py
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "triton",
    "hydra-core",
    "omegaconf",
    "mlflow",
    "lightning",
    "timm",
)

SMI = ("name", "driver_version", "compute_mode", "mig.mode.current", "memory.total", "clocks.sm")


def seconds(run: Callable[[], object], repeats: int = 20, warm_up: int = 5) -> float:
    """Return the median seconds of `run` on the GPU, each measured between two events."""
    for _ in range(warm_up):
        run()
    found = []
    for _ in range(repeats):
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        start.record()
        run()
        end.record()
        end.synchronize()
        found.append(start.elapsed_time(end) / 1000)
    return statistics.median(found)


def ceilings() -> dict[str, float]:
    """Return TB/s of a copy (read and written) and TFLOP/s of a bf16 product of random numbers."""
    source = torch.empty(2**31, dtype=torch.uint8, device="cuda").random_()
    target = torch.empty_like(source)
    copy = 2 * source.numel() / seconds(lambda: target.copy_(source)) / 1e12
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    product = 2 * 8192**3 / seconds(lambda: a @ b) / 1e12
    return {"copy_tb_s": round(copy, 2), "bf16_tflop_s": round(product)}


def launches(count: int = 500) -> dict[str, float]:
    """Return microseconds a small kernel: launched one by one, and as nodes of a graph."""
    x = torch.zeros(4096, device="cuda")

    def many() -> None:
        for _ in range(count):
            x.add_(1)

    many()
    torch.cuda.synchronize()
    started = time.perf_counter()
    many()
    queued = time.perf_counter() - started
    torch.cuda.synchronize()
    done = time.perf_counter() - started
    stream, graph = torch.cuda.Stream(), torch.cuda.CUDAGraph()
    with torch.cuda.stream(stream):
        many()
    with torch.cuda.graph(graph, stream=stream):
        many()
    started = time.perf_counter()
    graph.replay()
    replay = time.perf_counter() - started
    node = seconds(graph.replay) / count
    return {
        "host_us_a_launch": round(1e6 * queued / count, 2),
        "us_a_launch": round(1e6 * done / count, 2),
        "us_a_graph_node": round(1e6 * node, 2),
        "host_us_first_replay": round(1e6 * replay),
    }


def printed(*command: str) -> str:
    """Return what a program prints, or why there is nothing."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return (done.stdout or done.stderr).strip()[:2000]


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--quick", action="store_true", help="leave the ceilings out")
    options = parser.parse_args()
    found: dict[str, Any] = {
        "python": sys.version.split()[0],
        "cores": len(os.sched_getaffinity(0)),
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not here"
    has_gpu = options.device == "auto" and torch.cuda.is_available()
    found["gpu"] = has_gpu and torch.cuda.get_device_name()
    found["mps"] = shutil.which("nvidia-cuda-mps-control") or "not on the path"
    for folder in ("/usr/bin", "/usr/local/nvidia/bin", "/opt/nvidia/bin"):
        if Path(folder, "nvidia-cuda-mps-control").exists():
            found["mps_at"] = folder
    found["g++"], found["nvcc"] = shutil.which("g++"), shutil.which("nvcc")
    found["shm"] = printed("df", "-h", "/dev/shm")
    if found["gpu"]:
        found["cudnn"] = torch.backends.cudnn.version()
        found["smi"] = printed(
            "nvidia-smi", "--query-gpu=" + ",".join(SMI),
            "--format=csv,noheader",
        )  # fmt: skip
        found |= launches() | ({} if options.quick else ceilings())
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
