"""Sixteen trials on one GPU: ours, packed as calibrated, against ours in series and the peers.

    python tests/benchmarks/packing_gpu.py [--repeats N] [--json] [--results]
    python tests/benchmarks/packing_gpu.py --device cpu --quick   # the same path, no GPU

Goals: at least 2.5 times (ResNet-20, batch 128) and 1.1 times (ResNet-18, batch 512) our own
serial run, whose process is warm, and at least 1.5 times each peer. Peers are given as many trials
at once as our calibration chose; background processes all start at once. A peer that is not
installed here and cannot be is left out, and its row says so.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import site
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from darkmagic.sweeps.launch.devices import Lease, make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.calls import Call
from darkmagic.sweeps.launch.local.pool import run_calls
from darkmagic.sweeps.launch.local.sharing.calibrate import MAX_TRIALS, SECONDS, calibrate
from darkmagic.sweeps.launch.local.sharing.choice import MPS, Packing, choose
from darkmagic.sweeps.launch.local.sharing.mps import MpsUnavailable, client_env, mps_server
from harness.cifar_trials import WORKLOADS, train_trial
from harness.machine import versions
from harness.peers import FOLDER, Peer, find_python
from harness.table import Row, arguments, compared, publish, unmeasured
from harness.turns import take_turns

GOALS = dict(zip(WORKLOADS, (2.5, 1.1), strict=True))
PEERS = {"16 background processes": "background", "joblib": "with_joblib", "Ray Tune": "with_ray"}
AGAINST_PEERS = 1.5
SERIAL = "our serial run, warm"
RAY = ["ray[tune]>=2.40"]
NOT_HERE = "it is not installed, and there is no package index"
MANY = 10**6  # of steps, so that the calibration is made whatever the size


def main() -> None:
    """Measure and publish."""
    parser = arguments(__doc__)
    parser.add_argument("--device", choices=["auto", "cpu"], default="auto")
    parser.add_argument("--quick", action="store_true", help="the smallest sizes")
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--serial-trials", type=int, help="that stand for all of our serial run")
    parser.add_argument("--images", type=int, default=20_000)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--workloads", type=int, nargs="*", default=list(range(len(WORKLOADS))))
    parser.add_argument("--warm-up", type=int, default=1, help="turns that are not counted")
    parser.add_argument("--without", nargs="*", default=[], choices=list(PEERS), help="no such")
    options = parser.parse_args()
    if options.quick:
        options.trials, options.images, options.epochs = 4, 200, 1
    options.serial_trials = options.serial_trials or options.trials
    device = "cpu" if options.device == "cpu" else _gpu()
    rows: list[Row] = []
    for workload in [list(WORKLOADS)[index] for index in options.workloads]:
        if device is None:
            rows += _without_gpu(workload)
        else:
            rows += _measure(workload, device, options)
    publish("packing_gpu", rows, versions("torch", "torchvision", "ray", "joblib"), options)


def _gpu() -> str | None:
    lease = make_leases("auto", 1)[0]
    return None if lease.device == "cpu" else "cuda"


def _without_gpu(workload: str) -> list[Row]:
    goals = {SERIAL: GOALS[workload], **dict.fromkeys(PEERS, AGAINST_PEERS)}
    return [
        unmeasured(f"16 trials: {workload}", peer, "s", at_least=goal, why="no GPU")
        for peer, goal in goals.items()
    ]


def _measure(workload: str, device: str, options: argparse.Namespace) -> list[Row]:
    work = {
        "workload": workload,
        "images": options.images,
        "epochs": options.epochs,
        "device": device,
        "quick": options.quick,
    }
    lease = make_leases("auto", 1)[0] if device == "cuda" else Lease("cpu", 1)
    results: dict[str, list[dict[str, Any]]] = {}
    with contextlib.ExitStack() as stack:
        mps: Mapping[str, str] | str = _mps(stack) if device == "cuda" else "no GPU"
        packing = _calibrated(work, lease, mps, options)
        sides = {
            "ours": _ours(work, lease, packing, mps, options.trials, results),
            SERIAL: _serial(work, lease, options, results),
        }
        absent = []
        for name, function in PEERS.items():
            if name in options.without:
                continue
            python = sys.executable if function == "background" else _python(function)
            if python is None:
                absent.append(name)
                continue
            peer = stack.enter_context(Peer("packing.py", python, PYTHONPATH=_path()))
            sides[name] = _theirs(peer, name, function, work, packing, options.trials, results)
        measured = take_turns(sides, repeats=options.repeats, warm_up=options.warm_up)
    equal = {name: _work(found) for name, found in results.items()}
    _check(equal)
    note = f"{packing}; steps: {results['ours'][0]['stepping']}; {options.repeats} turn(s)"
    if options.serial_trials < options.trials:
        times = options.trials / options.serial_trials
        note += f"; in series {options.serial_trials} trials, times {times:g}"
    goals = {SERIAL: GOALS[workload], **dict.fromkeys(PEERS, AGAINST_PEERS)}
    what = f"{options.trials} trials: {workload}" + (" (quick: tiny)" if options.quick else "")
    return [
        compared(
            what,
            name,
            "s",
            measured["ours"],
            measured[name],
            at_least=goals[name],
            rate=False,
            note=note,
            equal_work={"ours": equal["ours"], name: equal[name]},
        )
        for name in sides
        if name != "ours"
    ] + [unmeasured(what, name, "s", at_least=goals[name], why=NOT_HERE) for name in absent]


def _mps(stack: contextlib.ExitStack) -> Mapping[str, str] | str:
    try:
        return stack.enter_context(mps_server())
    except MpsUnavailable as finding:
        return str(finding)


def _calibrated(
    work: dict[str, Any],
    lease: Lease,
    mps: Mapping[str, str] | str,
    options: argparse.Namespace,
) -> Packing:
    """Calibrate as a sweep does, of the same trials."""
    resolved = {"benchmark": work, "tricks": {}}
    most, seconds = (2, 0.3) if options.quick else (MAX_TRIALS, SECONDS)
    found = calibrate(
        resolved, lease, trials=MANY, mps=mps, seconds=seconds, most=min(most, options.trials),
        recipe=_recipe,
    )  # fmt: skip
    return choose(found.measured, found.stopped, options.trials, found.steps)


def _recipe(resolved: dict[str, Any]) -> Any:
    from harness.cifar_trials import make_recipe

    return make_recipe(seed=0, **resolved["benchmark"])


def _ours(
    work: dict[str, Any],
    lease: Lease,
    packing: Packing,
    mps: Mapping[str, str] | str,
    trials: int,
    results: dict[str, list[dict[str, Any]]],
) -> Callable[[], float]:
    among = None
    if packing.way == MPS and not isinstance(mps, str):
        among = partial(client_env, mps)
    threads = max(1, lease.threads // packing.trials)
    leases = [Lease(lease.device, threads, among=among)] * packing.trials

    def run() -> float:
        calls = [Call(train_trial, (work, seed)) for seed in range(trials)]
        started = time.perf_counter()
        ended = run_calls(calls, leases, on_start=lambda _: None, on_end=lambda *_: None)
        seconds = time.perf_counter() - started
        results["ours"] = [end.value for end in ended]
        return seconds

    return run


def _serial(
    work: dict[str, Any],
    lease: Lease,
    options: argparse.Namespace,
    results: dict[str, list[dict[str, Any]]],
) -> Callable[[], float]:
    """One process trains the trials, the clock starting when it has trained one already.

    They are alike, so that some of them tell how long all take.
    """
    trials = options.serial_trials

    def run() -> float:
        job = fork_server.start(_in_series, work, trials, env=lease.env, threads=lease.threads)
        seconds, results[SERIAL] = job.result()
        job.stop()
        return float(seconds) * options.trials / trials

    return run


def _in_series(work: dict[str, Any], trials: int) -> tuple[float, list[dict[str, Any]]]:
    train_trial({**work, "epochs": 1}, 0)
    started = time.perf_counter()
    found = [train_trial(work, seed) for seed in range(trials)]
    return time.perf_counter() - started, found


def _theirs(
    peer: Peer,
    name: str,
    function: str,
    work: dict[str, Any],
    packing: Packing,
    trials: int,
    results: dict[str, list[dict[str, Any]]],
) -> Callable[[], float]:
    def run() -> float:
        answer = peer.call(function, options=work, trials=trials, at_once=packing.trials)
        results[name] = answer["results"]
        return float(answer["seconds"])

    return run


def _python(function: str) -> str | None:
    """Return a Python that has the peer; Ray may get an environment, which sees our packages."""
    return find_python("ray", RAY) if function == "with_ray" else find_python("joblib", ["joblib"])


def _path() -> str:
    own = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join(filter(None, [str(FOLDER), own, *site.getsitepackages()]))


def _work(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the trials of one side did: all of them alike, and how well they learnt."""
    accuracies = [each["val_accuracy"] for each in found if each["val_accuracy"] is not None]
    return {
        "trials": len(found),
        "finished": sum(each["status"] == "finished" for each in found),
        "parameters": sorted({each["parameters"] for each in found}),
        "flops": sorted({each["flops"] for each in found}),
        "epochs": sorted({each["epochs"] for each in found}),
        "accuracy": round(statistics.mean(accuracies), 4),
        "accuracy_spread": round(statistics.pstdev(accuracies), 4),
    }


def _check(equal: Mapping[str, Mapping[str, Any]]) -> None:
    """Refuse to compare sides that did not do the same."""
    ours = equal["ours"]
    for name, theirs in equal.items():
        assert theirs["finished"] == theirs["trials"], f"{name}: {theirs}"
        for key in ("parameters", "flops", "epochs"):
            assert theirs[key] == ours[key], f"{name}: {key} {theirs[key]}, ours {ours[key]}"
        noise = 3 * max(ours["accuracy_spread"], theirs["accuracy_spread"], 0.01)
        assert abs(theirs["accuracy"] - ours["accuracy"]) <= noise, f"{name}: accuracy"


if __name__ == "__main__":
    main()
