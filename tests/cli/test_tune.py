"""`darkmagic tune` and `refine` in real processes: from a sweep to a recipe, and killed."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import threading
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from commanding import TINY, run_command

PAGE = (Path(__file__).parents[2] / "docs" / "tune.md").read_text()
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
QUICK = (COMMANDS[0], next(command for command in COMMANDS if "refine" in command))
"""One of each kind is run each time; the others, which differ in words alone, weekly."""
TRICKS = (
    "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']},"
    "{name: label_smoothing, section: s, options: ['0.0', '0.1']},"
    "{name: weight_decay, section: s, options: [generic, higher]},"
    "{name: lr_regime, section: s, options: [cosine_power_cycles]},"
    "{name: optimizer, section: s, options: [sgd_nesterov, adam]}]"
)
WORDS = [*TINY, TRICKS, "max_steps=2", "floor=0", "-n", "mine"]


def _run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run_command(*words, folder=folder, DARKMAGIC_CACHE=str(folder), COLUMNS="120")


def _trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    storage = f"sqlite:///{folder}/runs/mine/optuna.db"
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage).trials


@pytest.fixture(scope="module")
def tuned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Run a sweep, a study over it, and the study again; return what each printed."""
    folder = tmp_path_factory.mktemp("tuned")
    printed = []
    for words in (
        ["checklist", "run"],
        ["tune", "runs=3", "--seeds", "1"],
        ["tune", "runs=3", "--seeds", "0"],
    ):
        done = _run(folder, *words, *WORDS, "--skip-preflight")
        assert done.returncode == 0, done.stderr
        printed.append(" ".join((done.stdout + done.stderr).split()))
    return folder, printed


def test_study_starts_from_the_sweep_and_trains_what_is_asked(
    tuned: tuple[Path, list[str]],
) -> None:
    """The sweep's recipes are trials of the study, and it trains three of its own."""
    folder, printed = tuned
    trials = _trials(folder)
    assert sum("from" in trial.user_attrs for trial in trials) == 5
    assert [t.user_attrs["ran"] for t in trials if "ran" in t.user_attrs] == ["finished"] * 3
    assert "the study starts from 5 recipes" in printed[1]
    assert "3 recipes trained (3 finished), 5 known from the experiment before" in printed[1]
    assert "optuna-dashboard sqlite:///runs/mine/optuna.db" in printed[1]


def test_winner_is_quoted_on_fresh_seeds_alone(tuned: tuple[Path, list[str]]) -> None:
    """What is printed of the winner is of the test set and fresh seeds; no observed value is."""
    folder, printed = tuned
    told = printed[1].split("study mine")[1]
    table = told.partition("Values are left out here")[0]
    assert table != told
    assert not re.search(r"\d\d\.\d\d", table)
    if "No recipe was seen" not in told:
        assert "on the test set" in told
        assert list(folder.glob("runs/mine/combination=tune-*-s1000-*/result.json"))


def test_same_command_trains_nothing_again(tuned: tuple[Path, list[str]]) -> None:
    """A study whose runs are spent is shown again: as many trials, none of them new."""
    folder, printed = tuned
    assert "3 recipes trained (3 finished)" in printed[2]
    assert "started" not in printed[2]
    assert len(_trials(folder)) == 8


def test_trials_of_the_study_are_runs_and_their_configurations_have_no_ranges(
    tuned: tuple[Path, list[str]],
) -> None:
    """A trial's folder is an ordinary one, and the report of the sweep says that there is more."""
    folder, _ = tuned
    configs = list(folder.glob("runs/mine/tune-*/config.yaml"))
    assert 1 <= len(configs) <= 3  # a recipe of the sweep's has its folder there
    assert all("search" not in path.read_text() for path in configs)
    report = _run(folder, "report")
    assert report.returncode == 0, report.stderr
    text = " ".join(report.stdout.split())
    assert "tune-0" not in text
    assert "a study of darkmagic tune" in text
    assert "optuna-dashboard" in text


@pytest.mark.weekly
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(command, marks=[] if command in QUICK else pytest.mark.weekly)
        for command in COMMANDS
    ],
)
def test_command_of_the_page_runs(tuned: tuple[Path, list[str]], command: str) -> None:
    """Every command of the page runs, on few tricks, tiny images and a run or two."""
    folder, _ = tuned
    words = [
        w for w in shlex.split(command)[1:] if not w.startswith(("dataset=", "runs=", "seeds="))
    ]
    few = ["runs=1", "--seeds", "0"] if words[0] == "tune" else ["seeds=1", "baseline_repeats=1"]
    few += ["--points", "2"] if words[0] == "refine" and "--points" not in words else []
    done = _run(folder, *words, *WORDS, *few, "--skip-preflight")
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    if words[0] == "refine":
        name = "eps_" if words[1] == "label_smoothing" else "warmup_"
        assert f"{words[1].partition('.')[0]}={name}" in done.stdout


def test_what_cannot_be_asked_is_one_line(tmp_path: Path) -> None:
    """A request that there cannot be is refused with exit code 2, and nothing is written."""
    done = _run(tmp_path, "tune", "sampler=tpee", *WORDS)
    assert done.returncode == 2, done.stdout
    assert "did you mean tpe" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "runs").exists()


@pytest.mark.weekly
def test_study_that_was_killed_goes_on(tmp_path: Path) -> None:
    """After SIGKILL in the middle of a trial the same command ends it, and trains none twice."""
    few = ["--only", "mixup", "--only", "weight_decay", "epochs=4", "runs=2", "--seeds", "0"]
    words = ["tune", *(word for word in WORDS if word != "max_steps=2"), *few, "--skip-preflight"]
    codes: list[int] = []
    thread = threading.Thread(
        target=lambda: codes.append(_run(tmp_path, *words).returncode), daemon=True
    )
    thread.start()
    folder = tmp_path / "runs" / "mine"
    while not list(folder.glob("tune-*/checkpoint.pt")) and thread.is_alive():
        time.sleep(0.02)
    holder = json.loads((folder / ".held.json").read_text())
    os.kill(holder["pid"], signal.SIGKILL)
    thread.join()
    assert codes == [-signal.SIGKILL]
    left = [trial.number for trial in _trials(tmp_path) if trial.state is TrialState.RUNNING]
    assert left
    again = _run(tmp_path, *words)
    assert again.returncode == 0, again.stderr
    assert "under way when a process ended" in again.stderr
    trials = _trials(tmp_path)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE] * 2
    folders = list(folder.glob("tune-*-s0-*"))
    assert len(folders) == 2
    for path in folders:
        lines = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
        epochs = [line["epoch"] for line in lines if line["type"] == "epoch"]
        assert sorted(set(epochs)) == [1, 2, 3, 4]
