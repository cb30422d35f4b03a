"""`darkmagic compare` and a trainer's file as a user types them: rows, verdicts, errors."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from typer.testing import CliRunner

from commanding import run_command, start_command
from darkmagic.cli.main import app

REPO = Path(__file__).parents[2]
PAGE = (REPO / "docs" / "commands.md").read_text()
(COMPARE,) = re.findall(r"```sh\n(darkmagic .*?)\n```", PAGE, re.DOTALL)
(TRAINER,) = re.findall(r"```yaml title=\"conf/trainer/mine.yaml\"\n(.*?)```", PAGE, re.DOTALL)
pytestmark = pytest.mark.timeout(900)  # of the fixture, on a machine that does much else
SCRIPT = """
import argparse, json, os, pathlib, random, sys
parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--lr", type=float, default=0.1)
parser.add_argument("--mixup", type=float, default=0.0)
parser.add_argument("--opt", choices=["sgd", "adam"], default="sgd")
parser.add_argument("--half", action="store_true")
parser.add_argument("--out", default=".")
parser.add_argument("--resume")
parser.add_argument("overrides", nargs="*")
args = parser.parse_args()
assert "torch" not in sys.modules
draw = random.Random(args.seed)
acc = 0.8 + draw.gauss(0, 0.01)
for epoch in range(1, 4):
    acc += 0.01 + (0.05 if args.mixup else 0) + draw.gauss(0, 0.001)
    acc -= 0.02 * ("optimizer=adam" in args.overrides)
    print(json.dumps({"epoch": epoch, "val_acc": acc}))
"""


def _report(folder: Path, experiment: str) -> dict[str, dict[str, object]]:
    content = json.loads((folder / "runs" / experiment / "report.json").read_text())
    return {row["trial"]: row for row in content["rows"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a repository with packages of its own that are called as ours are, and compare in it."""
    folder = tmp_path_factory.mktemp("project")
    for name in ("trainers", "cli", "checklist"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text("raise ImportError('this is not darkmagic')\n")
    (folder / "train.py").write_text(SCRIPT)
    (folder / "conf" / "trainer").mkdir(parents=True)
    (folder / "conf" / "trainer" / "mine.yaml").write_text(TRAINER)
    done = run_command(*shlex.split(COMPARE)[1:], folder=folder)
    assert done.returncode == 0, done.stderr
    (folder / "stdout").write_text(done.stdout)
    (folder / "stderr").write_text(done.stderr)
    return folder


def test_command_of_the_page_gives_verdicts(project: Path) -> None:
    """The first command of the page trains each change with three seeds and judges it."""
    rows = _report(project, "compare-train")
    assert set(rows) == {"baseline", "mixup=on", "adam=on"}
    assert rows["mixup=on"]["verdict"] == "better"
    assert rows["adam=on"]["runs"] == {"finished": 3}
    assert rows["mixup=on"]["reproduce"] == "python train.py --seed 0 --mixup 0.2"
    assert "val_acc: from JSON lines of its output" in (project / "stderr").read_text()
    table = (project / "stdout").read_text()
    assert "val_acc" in table
    assert "confirm" not in table
    subprocess.run(shlex.split(str(rows["mixup=on"]["reproduce"])), cwd=project, check=True)


def test_folder_of_a_trial_needs_no_quotes(project: Path) -> None:
    """A command that is given {directory} may pass it to a shell or as an override of Hydra's."""
    names = [path.parent.name for path in (project / "runs" / "compare-train").rglob("result.json")]
    assert len(names) == 11
    for name in names:
        (override,) = OverridesParser.create().parse_overrides([f"a={name}"])
        assert override.value() == shlex.quote(name) == name


@pytest.mark.weekly
def test_what_is_trained_is_not_trained_again(project: Path) -> None:
    """The same command trains nothing; with changes more, those alone that the script takes.

    The folder of a trial may have the name that it had in earlier versions.
    """
    (folder,) = project.glob("runs/compare-train/mixup-on-s1-*")
    folder.rename(folder.with_name(folder.name.replace("-on", "=on")))
    again = run_command(*shlex.split(COMPARE)[1:], folder=project)
    assert again.returncode == 0, again.stderr
    assert "started" not in again.stderr
    assert "has changed" not in again.stderr
    (project / "train.py").write_text(SCRIPT + "# edited\n")
    edited = run_command(*shlex.split(COMPARE)[1:], folder=project)
    assert "train.py has changed since 11 finished runs were made" in " ".join(
        edited.stderr.split()
    )
    added = "--change none=--lr=0.2 --change 'bad=--mixupp 1' --change 'odd=--opt lion' --change"
    more = COMPARE.replace("--change", added, 1)
    done = run_command(*shlex.split(more)[1:], folder=project)
    assert done.returncode == 1, done.stderr
    assert set(re.findall(r"(\S+) s\d +started", done.stderr)) <= {"none=on", "baseline"}
    rows = _report(project, "compare-train")
    assert rows["none=on"]["runs"] == {"finished": 3}
    assert "Refused: " in str(rows["bad=on"]["reason"])
    assert "--mixupp; did you mean --mixup?" in str(rows["bad=on"]["reason"])
    assert "invalid choice: 'lion'" in str(rows["odd=on"]["reason"])


def test_curve_of_each_step_is_in_the_report(project: Path) -> None:
    """The steps that a script gives are a learning curve in the report's page."""
    assert "<svg" in (project / "runs" / "compare-train" / "curves.svg").read_text()


@pytest.mark.weekly
def test_file_of_the_page_is_a_checklist(project: Path) -> None:
    """The page's file gives a plan of its tricks; what it does not map is a row that says so."""
    arguments = ["-c", "conf", "trainer=mine"]
    plan = run_command("checklist", "plan", *arguments, folder=project)
    assert plan.returncode == 0, plan.stderr
    assert all(name in plan.stdout for name in ("mixup", "sgd_nesterov", "adam", "half"))
    rows = "checklist.tricks=[{name: optimizer, section: s, options: [adam, sgd_momentum]},"
    rows += "{name: blurpool, section: s, options: ['off', 'on']}]"
    done = run_command("checklist", "run", *arguments, rows, folder=project)
    assert done.returncode == 0, done.stderr
    found = _report(project, "mapped-mine")
    assert found["optimizer=sgd_momentum"]["runs"] == {"not_applicable": 1}
    assert "mine has no mapping of blurpool=on" in str(found["blurpool=on"]["reason"])
    assert "optimizer=adam" in str(found["baseline"]["reproduce"])


WRONG = {
    "--change mixup=--mixup -- python train.py": "no metric; name the figure",
    "--metric acc -- python train.py": "nothing to compare the command with",
    "--metric acc --change a=--x": "no command to compare",
    "--metric acc --change mixup -- python train.py": "cannot read --change 'mixup'",
    "--metric acc --change a=--x --change a=--y -- python train.py": "is given twice",
    "--metric quality --change a=--x -- python train.py": "--direction max or --direction min",
    "--metric acc --direction odd --change a=--x -- python train.py": "no direction 'odd'",
    "--metric acc --change a='--x -- python train.py": 'cannot read "\'--x"',
    "--metric acc --change a=--x -- python train.py --seed {sed}": "did you mean seed?",
    "--metric acc --change a=--x -- pyton train.py": "no program 'pyton' on PATH",
    "--metric acc --change a=--x -- python trian.py": "did you mean train.py?",
    "--metric acc --change a=--x --timeout -1 -- python train.py": "a number of seconds over 0",
    "--metric acc --change a=--x --pattern acc -- python train.py": "it has no group",
    "--metric acc --change a=--x -- python train.py --sed 1": "--sed; did you mean --seed?",
    "--metric acc --change a=--x --seeds 0 -- python train.py": "seeds",
    "--metric acc --change a=--x --set dataset=cifar10 -- python train.py": "darkmagic's own loop",
    "--metric acc --change a=--x --set epochs=5 -- python train.py": "no key 'epochs'",
}


@pytest.mark.parametrize("words", ["tune", "optimize budget=20", "refine mixup"])
def test_what_is_of_our_own_loop_is_refused_for_a_command(tmp_path: Path, words: str) -> None:
    """One line with what there is instead, exit code 2, and nothing is trained."""
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "conf" / "trainer").mkdir(parents=True)
    (tmp_path / "conf" / "trainer" / "mine.yaml").write_text(TRAINER)
    done = run_command(*words.split(), "-c", "conf", "trainer=mine", folder=tmp_path)
    assert done.returncode == 2, done.stdout
    assert len(done.stderr.strip().splitlines()) == 1
    assert "is of darkmagic's own loop, not of a command" in done.stderr
    assert "darkmagic checklist run" in done.stderr
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("words", WRONG)
def test_wrong_comparison_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: str
) -> None:
    """What cannot be compared is said in one line, with exit code 2, and nothing is trained."""
    (tmp_path / "train.py").write_text(SCRIPT)
    monkeypatch.setenv("COLUMNS", "300")
    before, dashes, after = words.partition("-- ")
    arguments = [
        *before.split(),
        "-n",
        "wrong",
        *([dashes.strip()] if dashes else []),
        *after.split(),
    ]
    done = CliRunner().invoke(app, ["compare", *arguments])
    assert done.exit_code == 2, done.output
    assert WRONG[words] in " ".join(done.output.split())
    assert "bug" not in done.output
    assert not (tmp_path / "runs").exists()


LOOPS_OWN = ["confirm", "plan --estimate", "run --dry-run"]


@pytest.mark.parametrize("command", LOOPS_OWN)
def test_command_for_our_own_loop_says_so(tmp_path: Path, command: str) -> None:
    """What evaluates or measures our own network is refused for a command."""
    (tmp_path / "conf" / "trainer").mkdir(parents=True)
    (tmp_path / "conf" / "trainer" / "mine.yaml").write_text(TRAINER)
    (tmp_path / "train.py").write_text(SCRIPT)
    words = ["checklist", *command.split(), "-c", "conf", "trainer=mine"]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 2, done.output
    assert "own loop" in " ".join(done.output.split())


@pytest.mark.weekly
def test_no_torch_is_needed(project: Path, tmp_path: Path) -> None:
    """Where torch cannot be imported, a comparison trains and reports all the same."""
    for name in ("torch", "torchvision"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise ImportError('there is no torch')\n")
    words = [
        *("--metric", "val_acc", "--seeds", "1", "--change", "mixup=--mixup 0.2"),
        "-n",
        "light",
    ]
    done = start_command(
        *("compare", *words, "--", "python", "train.py"), folder=project, PYTHONPATH=str(tmp_path)
    )
    assert done.returncode == 0, done.stderr
    assert _report(project, "light")["mixup=on"]["runs"] == {"finished": 1}


def test_store_that_cannot_be_read_is_told_of_before_a_script_runs(tmp_path: Path) -> None:
    """Each trial would be trained, and then fail as its metric is looked for there."""
    (tmp_path / "train.py").write_text("open('ran', 'w')")
    store = ["--mlflow", "mysql+pymysql://me:s3cr3t@127.0.0.1/x", "--metric", "acc"]
    script = ["--change", "a=--a", "--", sys.executable, "train.py"]
    done = run_command("compare", *store, *script, folder=tmp_path)
    assert done.returncode == 2
    assert "needs the Python package pymysql" in done.stderr
    assert "s3cr3t" not in done.stdout + done.stderr
    assert not (tmp_path / "ran").exists()
