"""The tests of `test_on_a_gpu.py`, on a pretended GPU.

    bash tests/gpu/pretend/run.sh kit_tests.py

Prints a line each, and ends with code 1 if one failed. Left out are the tests of a failed capture
and of a forked child, which only a GPU can show.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

import test_on_a_gpu as tests
from findings import report
from pretend_gpu import pretended_gpu


def _run(test: Callable[[Path], None]) -> str:
    with tempfile.TemporaryDirectory() as folder, pretended_gpu():
        test(Path(folder))
    return ""


def _cases() -> dict[str, Callable[[Path], None]]:
    cases: dict[str, Callable[[Path], None]] = {
        f"batches, {name}": lambda _, name=name: tests.test_batches_are_those_of_a_cpu(name)
        for name in tests.CHANGES
    }
    cases["a step and its batches"] = lambda _: tests.test_a_step_and_its_batches_do_not_wait()
    for optimizer in (None, tests.Adam(), tests.AdamW(), tests.Sam(0.05), tests.Muon()):
        for mode in ("off", "on"):
            cases[f"training, {optimizer}, cuda_graphs={mode}"] = partial(
                tests.test_training_is_that_of_a_cpu, optimizer=optimizer, mode=mode
            )
    cases["resuming"] = tests.test_a_run_that_was_cut_off_goes_on_as_it_would_have
    return cases


def main() -> None:
    """Run all of them."""
    torch.set_num_threads(1)
    failed = [name for name, test in _cases().items() if report(name, partial(_run, test))]
    sys.exit(f"{len(failed)} failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main()
