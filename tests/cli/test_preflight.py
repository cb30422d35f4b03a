"""`darkmagic preflight`, and the same checks as the first step of `checklist run`."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from commanding import run_command
from darkmagic.checklist.errors import UserError
from darkmagic.cli.views.findings import findings_table, sparkline, summary
from darkmagic.sweeps import api
from darkmagic.sweeps.api import Finding, Level

FEW = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"
TINY = ["dataset=tiny", "hydra.launcher.devices=cpu", "runtime.device=cpu", FEW]
TOO_HIGH = "lr=1000"


def test_preflight_of_a_clean_setup_prints_a_line_for_each_check(tmp_path: Path) -> None:
    """Every check has a line on stdout, the loss curve among them, and nothing is written."""
    done = run_command("preflight", *TINY, folder=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for check in ("classes", "leaks", "labels", "overfit", "learning rate", "speed", "layers"):
        assert re.search(rf"^(ok|warning) +{check}  ", done.stdout, re.MULTILINE), check
    assert "loss " in done.stdout
    assert "stop" not in done.stdout.split()
    assert "preflight: " in done.stdout
    assert not list(tmp_path.rglob("runs"))


def test_stop_ends_a_run_before_training(tmp_path: Path) -> None:
    """A run whose preflight says stop shows only the problems, exits with 2 and trains nothing."""
    done = run_command("checklist", "run", *TINY, TOO_HIGH, folder=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "times too high" in done.stderr
    assert "--skip-preflight" in done.stderr
    assert not any(line.startswith("ok ") for line in done.stderr.splitlines())
    assert not list(tmp_path.rglob("result.json"))
    again = run_command("checklist", "run", *TINY, TOO_HIGH, "--skip-preflight", folder=tmp_path)
    assert again.returncode == 0
    assert "preflight" not in again.stderr
    assert list(tmp_path.rglob("result.json"))


@pytest.mark.weekly
def test_trained_baseline_is_not_checked_again(tmp_path: Path) -> None:
    """A run whose baseline has a result makes no checks."""
    arguments = [*TINY, f"runtime.out='{tmp_path}'", "runtime.preflight_seconds=1"]
    done = run_command("checklist", "run", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "preflight: " in done.stderr
    assert api.preflight(api.plan(arguments), unless_trained=True) == []


def test_model_that_cannot_be_built_is_a_stop(tmp_path: Path) -> None:
    """An error of the user's module is one finding, with the error message and its line."""
    (tmp_path / "unfinished.py").write_text("import no_such_package\n\nNet = no_such_package.Net\n")
    arguments = [*TINY, "model=own", "model.build._target_=unfinished.Net"]
    (finding,) = api.preflight(api.plan(arguments))
    assert finding.level is Level.STOP
    assert "no_such_package" in finding.message
    assert "unfinished.py, line 1" in finding.message


def test_model_that_there_is_not_is_refused_before_the_checks() -> None:
    """A `_target_` that no process can import is found in the sources."""
    with pytest.raises(UserError, match="no module 'no_such_package'"):
        api.plan([*TINY, "model=own", "model.build._target_=no_such_package.Net"])


DEADLY = """
import os, signal
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_killed_checks_are_a_stop(tmp_path: Path) -> None:
    """Checks whose process is killed, as for want of memory, are one finding that says so."""
    (tmp_path / "deadly.py").write_text(DEADLY)
    arguments = [*TINY, "model=own", "model.build._target_=deadly.Net"]
    done = run_command("preflight", *arguments, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "was killed (exit code -9)" in done.stdout
    assert "lower batch_size" in done.stdout


HANGING = """
import time
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        time.sleep(600)
"""


def test_checks_that_hang_are_a_stop(tmp_path: Path) -> None:
    """In what is made before any check: a network's constructor, or a data set's `load`."""
    (tmp_path / "hanging.py").write_text(HANGING)
    arguments = [*TINY, "model=own", "model.build._target_=hanging.Net"]
    limits = ["hydra.launcher.stall_seconds=2", "runtime.preflight_seconds=2"]
    done = run_command("preflight", *arguments, *limits, folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "the checks gave no answer for 4 s" in done.stdout


LAYERS = [[f"blocks.{n}.conv", "Conv2d", 36864, 1000, 4672 if n else None] for n in range(8)]
FINDINGS = [
    Finding("classes", Level.OK, "10 classes; train 1,079, val 359"),
    Finding("scaling", Level.WARNING, "images are scaled by mean 0.1 " * 5, "tune " * 20),
    Finding("layers", Level.OK, "8 layers", "", {"layers": LAYERS, "flops": 8000}),
    Finding(
        "learning rate",
        Level.STOP,
        "peak 100",
        "lower it",
        {"rates": [1e-4, 1e-3, 1e-2], "losses": [2.0, 1.0, None]},
    ),
]


@pytest.mark.parametrize("width", [80, 160])
def test_findings_fit_the_width_and_are_not_truncated(width: int) -> None:
    """Levels and checks are whole at every width, and long findings are wrapped."""
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(findings_table(FINDINGS, console))
    console.print(summary(FINDINGS, 7.4))
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    lines = text.splitlines()
    assert all(len(line) <= width for line in lines)
    assert "…" not in text
    starts = [line.split("  ")[0] for line in lines if not line.startswith(" ")]
    assert starts[:4] == ["ok", "warning", "ok", "stop"]
    assert text.count("tune") == 20
    assert "-> lower it" in text
    assert "36,864 params (4,672 separable), 12% FLOPs" in text
    assert "and 3 more" in text
    assert lines[-1] == "preflight: 2 ok, 1 warning, 1 stop, in 7 s"


def test_sparkline_shows_heights_cuts_off_and_has_an_ascii_form() -> None:
    """Low is low, what is not finite is highest, and plain letters replace missing blocks."""
    assert sparkline([2.0, 1.5, 1.0, None]) == "█▅▁█"
    assert sparkline([2.0, 1.5, 1.0, None], unicode=False) == "@+.@"
    assert sparkline([1.0, 1.0, 50.0, 90.0]) == "▁▁██"
    assert sparkline([None, None]) == "██"
    assert len(sparkline([1.0] * 500)) == 48
