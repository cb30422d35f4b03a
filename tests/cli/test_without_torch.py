"""A machine without torch: what the page says to install is enough, and what trains says so."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
PAGE = (REPO / "docs" / "judge.md").read_text().partition("## On a machine without torch")[2]
INSTALLS = re.findall(r"pip install ([^`\n]+)", PAGE.partition("\n## ")[0])
"""What `pip install` is told, line by line."""
ABSENT = "import sys; sys.modules[{name!r}] = None; from darkmagic.cli.main import main; main()"
SCRIPT = """
import argparse, random, sys
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int)
parser.add_argument("--mixup", action="store_true")
args = parser.parse_args()
draw = random.Random(args.seed)
print(f"METRIC val_acc={0.8 + draw.gauss(0, 0.01) + 0.1 * args.mixup + draw.gauss(0, 0.001)}")
"""
STORE = """
import mlflow
mlflow.set_tracking_uri("sqlite:///store.db")
for name, value in (("base", 0.8), ("new", 0.9)):
    for seed in range(3):
        with mlflow.start_run():
            mlflow.log_params({"name": name, "seed": seed})
            mlflow.log_metric("acc", value + seed / 1000)
"""


def _run(words: Sequence[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("absent", "words", "code", "said"),
    [
        ("torch", "train epochs=1", 2, "this trains with torch, which is not installed"),
        ("cloudpickle", "report", 2, "pip install cloudpickle, or all that is needed: pip install"),
        ("hydra", "checklist plan", 2, "needs the Python package hydra-core, which"),
        ("darkmagic.sweeps.api", "checklist plan", 1, "This is a bug of darkmagic's"),
    ],
)
def test_package_that_is_missing_is_named(
    tmp_path: Path, absent: str, words: str, code: int, said: str
) -> None:
    """It is one line and exit code 2, and no bug; a module of ours that is gone would be one."""
    done = _run([sys.executable, "-c", ABSENT.format(name=absent), *words.split()], tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel as the page says, into an environment of its own."""
    folder = tmp_path_factory.mktemp("light")
    source = folder / "source"
    source.mkdir()
    files = subprocess.run(["git", "ls-files", "-z"], cwd=REPO, capture_output=True, check=True)
    packed = subprocess.run(
        ["tar", "-c", "--null", "-T", "-"], cwd=REPO, input=files.stdout, capture_output=True,
        check=True,
    )  # fmt: skip
    subprocess.run(["tar", "-x", "-C", str(source)], input=packed.stdout, check=True)
    build = ["uv", "build", "--quiet", "--wheel", "--out-dir", str(folder), str(source)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run(["uv", "venv", "--quiet", str(folder / "env")], check=True)
    install = ["uv", "pip", "install", "--quiet", "--python", str(folder / "env/bin/python")]
    for line in INSTALLS:
        words = [str(wheel) if w == "darkmagic-checklist" else w for w in shlex.split(line)]
        if words != [str(wheel)]:  # which would bring torch
            subprocess.run([*install, *words], check=True)
    return folder / "env" / "bin"


@pytest.mark.weekly
@pytest.mark.timeout(1800)
def test_what_the_page_installs_judges_compares_and_reports(programs: Path, tmp_path: Path) -> None:
    """Without torch: verdicts on a file, a DataFrame and a store, a script trained, its report."""
    assert _run([str(programs / "python"), "-c", "import torch"], tmp_path).returncode == 1
    rows = [f"{n},{s},{v + s / 1000}" for n, v in (("base", 0.8), ("new", 0.9)) for s in range(3)]
    (tmp_path / "runs.csv").write_text("\n".join(["name,seed,val_acc", *rows]))
    (tmp_path / "train.py").write_text(SCRIPT)
    frame = "import darkmagic as dm, pandas as pd; j = dm.judge(pd.read_csv('runs.csv'))"
    darkmagic = str(programs / "darkmagic")
    compare = ["--metric", "val_acc", "--seeds", "2", "--change", "mixup=--mixup"]
    for words in (
        [darkmagic, "judge", "runs.csv", "--expect", "better"],
        [str(programs / "python"), "-c", f"{frame}; assert j.verdicts == {{'new': 'better'}}"],
        [darkmagic, "compare", *compare, "--", "python", "train.py", "--seed", "{seed}"],
        [darkmagic, "report", "--expect", "better"],
        [darkmagic, "report", "--format", "html"],
        [str(programs / "python"), "-c", STORE],
        [darkmagic, "judge", "store.db", "--metric", "acc", "--expect", "better"],
    ):
        done = _run(words, tmp_path)
        assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"
    assert _run([darkmagic, "preflight"], tmp_path).returncode == 2
    with subprocess.Popen(
        [darkmagic, "ui", "--port", "0"], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as served:
        try:
            assert served.stdout is not None
            address = served.stdout.readline().split()[0]
            with urllib.request.urlopen(address, timeout=60) as page:
                assert "compare-train" in page.read().decode()
        finally:
            served.terminate()


OPTUNA = """
import optuna
study = optuna.create_study(storage="sqlite:///tuning.db", study_name="t", direction="maximize")
for option, value in (("sgd", 0.8), ("adam", 0.9)):
    for seed in range(3):
        study.enqueue_trial({"opt": option, "seed": seed})
def run(trial):
    seed = trial.suggest_int("seed", 0, 2)
    return {"sgd": 0.8, "adam": 0.9}[trial.suggest_categorical("opt", ["sgd", "adam"])] + seed / 1e3
study.optimize(run, n_trials=6)
"""


@pytest.mark.weekly
@pytest.mark.timeout(1800)
def test_studies_of_optuna_are_judged(programs: Path, tmp_path: Path) -> None:
    """With what the page says to add for them."""
    python = str(programs / "python")
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", python, "optuna"], check=True)
    words = ["judge", "tuning.db", "--trial", "opt", "--baseline", "sgd", "--expect", "better"]
    for command in ([python, "-c", OPTUNA], [str(programs / "darkmagic"), *words]):
        done = _run(command, tmp_path)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
