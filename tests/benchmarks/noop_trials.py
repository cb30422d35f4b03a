"""What it costs to start trials that do nothing but need torch: ours, and what else there is.

    python tests/benchmarks/noop_trials.py [--quick] [--json] [--results]

Every side is a whole command, from its start to its end, that runs the same trials as many at
once as there are cores. Each trial imports torch, where its process has not, and writes down its
process: that every trial ran, and whether it had a process to itself, is checked by these lines.
A warm trial's cost is what 32 more trials add, divided by 32.

A launcher that gives no trial a process of its own pays one import and nothing to fork; one
import is then the floor of both sides' totals, and no launcher can be 5 times faster. Its row is
there all the same, beside that of the best peer that isolates trials.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from harness.machine import versions
from harness.peers import FOLDER, environment
from harness.table import Row, arguments, compared, limited, publish
from harness.turns import Measured, take_turns

IMPORTED = "torch, torchvision and torch._dynamo"  # which training imports by its first step
TRIALS, MORE = 16, 48
PACKAGES = ["hydra-joblib-launcher", "ray[tune]"]
CORES = len(os.sched_getaffinity(0))
QUIET = ["hydra/job_logging=none", "hydra/hydra_logging=none", "hydra.output_subdir=null"]
IMPORT, OURS = "import torch", "ours"


def hydra(launcher: str, trials: int, *words: str) -> list[str]:
    """Return the words of a multirun of `trials` trials."""
    app = str(FOLDER / "peers" / "noop_app.py")
    return [app, "-m", f"hydra/launcher={launcher}", f"+trial=range({trials})", *QUIET, *words]


def script(name: str, trials: int) -> list[str]:
    """Return the words of a peer's own script."""
    return [str(FOLDER / "peers" / name), str(trials), str(CORES)]


def timed(python: Path | str, words: list[str], trials: int, processes: dict[str, int]) -> float:
    """Run a command; return its seconds, and keep how many processes its trials had."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        log.touch()
        began = time.perf_counter()
        subprocess.run(
            [str(python), *words],
            cwd=folder,
            env={**os.environ, "NOOP_LOG": str(log), "RAY_AIR_NEW_OUTPUT": "0"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            check=True,
        )
        seconds = time.perf_counter() - began
        lines = [line.split() for line in log.read_text().splitlines()]
    ran = sorted(int(trial) for trial, _ in lines)
    assert ran == list(range(trials)), f"{words}: ran {ran}"
    processes[" ".join(words)] = len({process for _, process in lines})
    return seconds


def main() -> None:
    """Measure in turn, and print."""
    parser = arguments(__doc__)
    parser.add_argument("--quick", action="store_true", help="for a gate: ours alone")
    options = parser.parse_args()
    if options.quick:
        options.repeats = 2
    local = ("hydra.launcher.devices=cpu",)
    commands = {
        IMPORT: (sys.executable, ["-c", "import torch, torchvision, torch._dynamo"], 0),
        OURS: (sys.executable, hydra("local", TRIALS, *local), TRIALS),
        "ours, more": (sys.executable, hydra("local", MORE, *local), MORE),
    }
    found = versions("torch", "hydra-core")
    if not options.quick:
        python = environment(PACKAGES, beside_ours=True)
        workers = f"hydra.launcher.n_jobs={CORES}"
        commands |= {
            "Hydra's basic launcher": (sys.executable, hydra("basic", TRIALS), TRIALS),
            "hydra-joblib-launcher": (python, hydra("joblib", TRIALS, workers), TRIALS),
            "a subprocess a trial": (python, script("noop_processes.py", TRIALS), TRIALS),
            "Ray Tune": (python, script("noop_ray.py", TRIALS), TRIALS),
        }
        found |= installed(python, "ray", "hydra-joblib-launcher", "joblib")
    processes: dict[str, int] = {}
    sides: dict[str, Callable[[], float]] = {
        name: partial(timed, *command, processes) for name, command in commands.items()
    }
    sides[IMPORT]()  # fills the file cache
    measured = take_turns(sides, repeats=options.repeats, warm_up=0)
    counts = {name: processes[" ".join(words)] for name, (_, words, _) in commands.items()}
    publish("noop_trials", rows(measured, counts), found, options)


def installed(python: Path, *packages: str) -> dict[str, str]:
    """Return the versions that a peer's environment has."""
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    words = [str(python), "-c", code, *packages]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return dict(zip(packages, done.stdout.split(), strict=True))


def rows(measured: dict[str, Measured], processes: dict[str, int]) -> list[Row]:
    """Return the goals of ours alone, and a row for every peer, those that isolate marked."""
    ours = measured.pop(OURS)
    imports, more = measured.pop(IMPORT), measured.pop("ours, more")
    beyond = Measured(tuple(a - b for a, b in zip(ours.samples, imports.samples, strict=True)))
    pairs = zip(more.samples, ours.samples, strict=True)
    warm = Measured(tuple((a - b) / (MORE - TRIALS) for a, b in pairs))
    isolating = f"a process each: {processes[OURS]} for {TRIALS} trials"
    found = [
        limited(f"{TRIALS} no-op trials beyond one import of {IMPORTED}", "s", beyond, at_most=3),
        limited("a warm no-op trial", "s", warm, at_most=0.2, note=isolating),
    ]
    for peer, theirs in measured.items():
        alone = processes[peer] == TRIALS
        note = (
            "isolates: a process a trial"
            if alone
            else f"does not isolate: {processes[peer]} processes; one import alone takes "
            f"{imports.median:.1f} s"
        )
        work = {"trials": TRIALS, "processes": {"ours": processes[OURS], "peer": processes[peer]}}
        what = f"{TRIALS} no-op trials"
        found.append(
            compared(
                what, peer, "s", ours, theirs, at_least=5, rate=False, note=note, equal_work=work
            )
        )
    return found


if __name__ == "__main__":
    main()
