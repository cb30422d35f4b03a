"""`darkmagic judge` as its pages say: every command runs, word for word, on real stores."""

from __future__ import annotations

import io
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import optuna
import pytest
from rich.console import Console
from typer.testing import CliRunner

from darkmagic.cli.main import app
from darkmagic.cli.views.comparison import comparison_view
from darkmagic.sweeps.sources.judge import judge

REPO = Path(__file__).parents[2]
DATA = REPO / "tests" / "sweeps" / "sources" / "data"
PAGES = {name: (REPO / "docs" / f"{name}.md").read_text() for name in ("judge", "tutorial_mlflow")}
BLOCK = re.compile(r"```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)```", re.DOTALL)
COMMANDS = [
    (name, line)
    for name, page in PAGES.items()
    for language, _, text in BLOCK.findall(page)
    if language == "sh"
    for line in text.splitlines()
    if not line.startswith("pip install ")  # test_without_torch.py installs them
]
FORMATS = {"report.html", "report.md", "report.tex", "report.csv", "report.json", "effects.svg"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that both pages speak of: their files, and a store of each kind."""
    folder = tmp_path_factory.mktemp("pages")
    for page in PAGES.values():
        for _, title, text in BLOCK.findall(page):
            if title:
                path = folder / title
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
    header, *lines = (folder / "runs.csv").read_text().splitlines()
    runs = [dict(zip(header.split(","), line.split(","), strict=True)) for line in lines]
    (folder / "runs.jsonl").write_text("".join(json.dumps(run) + "\n" for run in runs))
    shutil.copy(DATA / "wandb.csv", folder)
    shutil.copytree(DATA / "tensorboard", folder / "events")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    grid = {"opt": ["sgd", "adam"], "aug": ["none", "rand"], "seed": [0, 1, 2]}
    study = optuna.create_study(
        study_name="tuning",
        storage=f"sqlite:///{folder}/optuna.db",
        direction="minimize",
        sampler=optuna.samplers.GridSampler(grid, seed=0),
    )
    rng = random.Random(0)

    def objective(trial: optuna.Trial) -> float:
        chosen = {name: trial.suggest_categorical(name, levels) for name, levels in grid.items()}
        return 1 - 0.2 * (chosen["opt"] == "adam") + 0.01 * rng.gauss(0, 1)

    study.optimize(objective, n_trials=12)
    [made] = [line for name, line in COMMANDS if not _is_ours(line)]
    python, *arguments = shlex.split(made)
    assert python == "python"
    subprocess.run([sys.executable, *arguments], cwd=folder, check=True, capture_output=True)
    return folder


def _is_ours(line: str) -> bool:
    return "darkmagic" in line


@dataclass(frozen=True)
class Done:
    """What a command printed and ended with."""

    code: int
    stdout: str
    stderr: str


def _run(folder: Path, line: str, out: Path) -> Done:
    """Run the command in this process, which has its imports: a page has two dozen of them."""
    words = shlex.split(line.rpartition("darkmagic ")[2])
    if "--out" not in words and "--format" not in words:
        words += ["--out", str(out)]
    os.chdir(folder)  # the fixture of all tests goes back
    done = CliRunner().invoke(app, words)
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


@pytest.mark.parametrize(
    "line", [line for _, line in COMMANDS if _is_ours(line) and "|" not in line]
)
def test_command_of_the_pages_runs(folder: Path, tmp_path: Path, line: str) -> None:
    """Each ends with exit code 0 and writes every format, or prints the one that it names."""
    done = _run(folder, line, tmp_path / "out")
    assert done.code == 0, done.stderr
    if "--format" in line:
        assert "baseline" in done.stdout
    else:
        assert {path.name for path in (tmp_path / "out").iterdir()} == FORMATS
        assert "better" in done.stdout


def test_page_shows_what_is_printed(folder: Path, tmp_path: Path) -> None:
    """The page's table is the one that its command prints."""
    done = _run(folder, "darkmagic judge runs.csv", tmp_path / "out")
    [shown] = [text for language, _, text in BLOCK.findall(PAGES["judge"]) if language == "text"]
    printed = [line.rstrip() for line in done.stdout.splitlines()]
    assert [line.rstrip() for line in shown.splitlines()] == printed[: len(shown.splitlines())]


def test_tutorial_finds_what_it_says(folder: Path) -> None:
    """Averaged weights are better, whichever way the tutorial's store is asked."""
    asked = "darkmagic judge mlflow.db --metric val_accuracy --format json"
    for line, name in (
        ("--trial variant --baseline plain", "averaged"),
        ("--baseline average=False,penalty=l2", "average=True"),
    ):
        content = json.loads(_run(folder, f"{asked} {line}", folder).stdout)
        rows = {row["trial"]: row for row in content["rows"]}
        assert rows[name]["verdict"] == "better"
        assert len(rows[name]["accuracies"]) == 5
        assert content["model"]["seeds_are_blocks"]
        assert content["metric"] == {
            "name": "val_accuracy",
            "unit": "",
            "difference_unit": "",
            "direction": "max",
        }


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("runs.csv --expect no-worse", 3, "not as expected (no-worse): adam is '1 of 3 failed"),
        ("runs.csv --expect better --of mixup", 0, "as expected: better"),
        ("runs.csv --expect equivalent --min-effect 0.01 --of mixup", 3, "mixup is 'better'"),
        ("runs.csv --expect bettr", 2, "--expect 'bettr': did you mean better"),
        ("runs.csv --expect better --of mix", 2, "no such trial; did you mean mixup?"),
        ("runs.csv --of mixup", 2, "give --expect too"),
        ("runs.csv --baseline bas", 2, "column 'name' has no 'bas'; did you mean base?"),
        ("runs.csv --metric loss", 2, "no column 'loss'; did you mean val_loss?"),
        ("runs.csv --format pdf", 2, "no report format 'pdf'"),
        ("run.csv", 2, "no file run.csv; did you mean runs.csv"),
        ("no/runs.csv", 2, "there is no folder no"),
        ("mlflow.db -e digit -m val_accuracy", 2, "no experiment 'digit' at sqlite:///"),
        ("mlflow.db -e digits", 2, "a value of column 'variant': plain, averaged, sparse"),
        ("optuna.db --study tunin", 2, "did you mean tuning?"),
        ("trainers", 2, "neither TensorBoard's event files nor MLflow's runs"),
        ("sqlite:///missing.db", 2, "no database missing.db"),
        ("mlflow", 2, "MLFLOW_TRACKING_URI is not set"),
    ],
)
def test_exit_code_is_the_verdict_s_or_that_of_bad_input(
    folder: Path, tmp_path: Path, line: str, code: int, message: str
) -> None:
    """0 as expected, 3 if not, 2 with one line and no report for input that is not clear."""
    done = _run(folder, f"darkmagic judge {line}", tmp_path / "out")
    assert (done.code, done.stderr.count("\n")) == (code, 1), done.stderr
    assert message in done.stderr
    assert (tmp_path / "out").exists() == (code != 2)


def test_table_fits_the_terminal() -> None:
    """Long names and metrics are folded, and no figure is cut."""
    found = judge(str(DATA / "squeezenet.md"), "Mean Accuracy", "ReLU", n=23)
    for width in (60, 80, 120, 160):
        console = Console(width=width, file=io.StringIO(), color_system=None)
        console.print(comparison_view(found.report, width))
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()
        assert all(len(line) <= width for line in text.splitlines())
        assert "…" not in text
        assert "+0.66" in text


def test_judge_needs_no_torch_and_mlflow_for_mlflow_alone(folder: Path, tmp_path: Path) -> None:
    """The page's pipe, in a shell, where heavy packages are not there to be imported."""
    code = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(name)
ABSENT = {"torch", "torchvision", "mlflow", "hydra", "omegaconf", "optuna", "pandas", "sklearn"}
sys.meta_path.insert(0, Absent())
from darkmagic.cli.main import main
main()
"""
    [line] = [line for _, line in COMMANDS if "|" in line]
    assert line.endswith("| darkmagic judge -")
    ours = [sys.executable, "-c", code, "judge", "-", "--out", str(tmp_path / "out")]
    piped = line.replace("darkmagic judge -", shlex.join(ours))
    done = subprocess.run(
        piped, shell=True, cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "standard input: what differs from the baseline" in done.stdout
    assert {path.name for path in (tmp_path / "out").iterdir()} == FORMATS
