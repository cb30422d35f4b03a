"""A study from end to end, in a script, as one would write it: no guard, classes in the script."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import darkmagic as dm
from darkmagic.checklist import UserError

SCRIPT = """
import sys
import darkmagic as dm
from torch import nn

from darkmagic.trainers.data import Shapes

print("once", flush=True)
width = 4

class Net(nn.Module):
    def __init__(self, num_classes, in_channels):
        super().__init__()
        self.maps = nn.Sequential(nn.Conv2d(in_channels, width, 3), nn.ReLU())
        self.head = nn.Linear(width, num_classes)

    def forward(self, images):
        return self.head(self.maps(images).mean((2, 3)))

study = dm.checklist(
    "mine", model=Net, data=lambda: Shapes(80, 8, 1),
    tricks={"mixup": [False, True]}, epochs=2, batch_size=16, devices="cpu",
)
study.run(preflight=False)
print(study.to_frame().loc["mixup=on", "runs"])
print("again", file=sys.stderr)
print(study.run())
"""


def _script(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "study.py"],
        cwd=folder,
        env={**os.environ, "DARKMAGIC_CACHE": str(folder / "cache")},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Run the script; return its folder and what it printed."""
    folder = tmp_path_factory.mktemp("script")
    (folder / "study.py").write_text(SCRIPT)
    return folder, _script(folder)


@pytest.mark.weekly
def test_script_without_a_guard_trains_once(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """No child runs the script again, and the network that it defines is trained."""
    folder, done = ran
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("once") == 1
    assert "{'finished': 1}" in done.stdout
    assert "[2/2]" in done.stderr
    assert len(list(folder.rglob("result.json"))) == 2


@pytest.mark.weekly
def test_study_prints_the_table_of_the_command_line(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """`print(study)` is the table with its notes and next steps."""
    _, done = ran
    assert "mixup=on" in done.stdout
    assert "not tested" in done.stdout
    assert "\x1b" not in done.stdout


@pytest.mark.weekly
def test_study_that_runs_again_trains_nothing(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """Neither are the checks before training made again, nor a trial trained."""
    _, done = ran
    before, _, after = done.stderr.partition("again\n")
    assert before.count("started") == 2
    assert "started" not in after
    assert done.stdout.count("mixup=on") > 0


def test_study_that_has_not_run_says_so() -> None:
    """There is no report and no frame; the page shows the plan and how to start it."""
    study = dm.Study(["checklist=article", "seeds=2"])
    assert study.report is None
    with pytest.raises(UserError, match=r"has not run yet; start it: study\.run\(\)"):
        study.to_frame()
    assert repr(study) == "<Study: darkmagic checklist run checklist=article seeds=2>"
    page = study._repr_html_()
    assert "36 runs" in page
    assert "study.run()" in page
    assert page.count('<th scope="row"') == 16


@pytest.mark.parametrize("words", [[], ["design=screen", "runs=8"]])
def test_plan_is_printed_a_line_a_trial(words: list[str]) -> None:
    """With what differs from the baseline and the seeds, and not as the objects that it is."""
    tricks = {name: ["off", "on"] for name in ("mixup", "cutmix", "ema")}
    planned = dm.checklist("mine", *words, tricks=tricks, seeds=1 if words else 2).plan()
    *lines, runs = str(planned).splitlines()
    names = [line.partition(":")[0].split()[0] for line in lines]
    assert names == list(dict.fromkeys(trial.name for trial in planned.trials))
    assert runs == f"{len(planned.trials)} runs"
    assert max(map(len, lines)) < 80
    assert all(" seed" in line for line in lines)
    assert any("mixup=on" in line for line in lines)
