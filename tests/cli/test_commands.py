"""The commands as a user runs them: real processes, terminals and files."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from pathlib import Path

import pytest

from commanding import FIVE, TINY, run_command, start_command

FOUR = (
    "checklist.tricks=[{name: lr_regime, section: training scheme, options: "
    "[cosine_power_cycles, gamma_decay, cosine]},"
    "{name: mixup, section: regularisation, options: ['off', 'on']}]"
)
"""Of the article's trials the baseline and three: that all are trained has tests of its own."""
RECIPE = [*TINY, FOUR, "epochs=2", "seeds=2", "baseline_repeats=1"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """Run four of the article's trials on tiny data; return the folder and what was printed."""
    folder = tmp_path_factory.mktemp("run")
    words = ["checklist", "run", "--skip-preflight", *RECIPE]
    return folder, start_command(*words, folder=folder, DARKMAGIC_CACHE=str(folder))


@pytest.mark.parametrize(
    "arguments",
    [[], ["checklist"], ["checklist", "list"], ["checklist", "plan"], ["checklist", "run"],
     ["checklist", "power"], ["checklist", "confirm"], ["checklist", "ablate"],
     ["train"], ["preflight"], ["report"], ["ui"],
     ["ensemble"], ["tricks"]],
    ids=" ".join,
)  # fmt: skip
def test_help_of_every_command_fits_a_terminal_and_has_an_example(
    arguments: list[str], tmp_path: Path
) -> None:
    """Every command answers --help within 80 columns, with an example."""
    done = run_command(*arguments, "--help", folder=tmp_path, COLUMNS="80", TERM="dumb")
    assert done.returncode == 0
    assert "Usage: " in done.stdout
    if arguments != ["checklist"]:
        assert "Example: darkmagic" in done.stdout
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


def _rows(text: str) -> list[str]:
    """Return the lines of the table that are trials."""
    start = next(i for i, line in enumerate(text.splitlines()) if "around 0" in line)
    lines = [line.strip() for line in text.splitlines()[start:]]
    return [line for line in lines if re.match(r"baseline( \*)? +\d|\w+=[^\s:]+ .*\d", line)]


def test_run_prints_the_table_and_where_the_report_is(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """A run prints a row a trial, the report and MLflow's command on stdout; progress on stderr."""
    _, done = ran
    assert done.returncode == 0, done.stderr
    assert len(_rows(done.stdout)) == 4
    assert "95 % interval" in done.stdout
    report = re.search(r"report: (\S+)", done.stdout)
    assert report is not None
    assert Path(report[1]).read_text().startswith("<!DOCTYPE html>")
    assert "mlflow ui --backend-store-uri sqlite:///runs/mlflow.db" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert "[8/8]" in done.stderr
    assert "epoch" in done.stderr


def test_report_shows_the_table_of_the_run(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """`darkmagic report` shows from MLflow the table that the run has shown."""
    folder, done = ran
    shown = start_command("report", folder=folder)
    assert shown.returncode == 0
    assert _rows(shown.stdout) == _rows(done.stdout)
    listed = run_command("report", "--sort", "checklist", "--runs", folder=folder)
    names = [line.split()[0] for line in _rows(listed.stdout)]
    assert names[:3] == ["baseline", "lr_regime=gamma_decay", "lr_regime=cosine"]
    watched = run_command("report", "--watch", "1", folder=folder)
    assert _rows(watched.stdout) == _rows(shown.stdout)


def test_report_after_a_run_imports_no_mlflow_and_says_what_mlflow_says(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """What a run leaves beside its store is enough for a report, which has MLflow's bytes.

    Curves are in it too, which a table does not ask of MLflow.
    """
    folder, _ = ran
    kept = folder / "runs" / "mlflow.db.kept.json"
    at_the_end = json.loads(kept.read_text().splitlines()[1])
    kept.unlink()
    asked = run_command("report", folder=folder)
    answers = json.loads(kept.read_text().splitlines()[1])
    assert at_the_end.pop("histories")
    assert not answers.pop("histories")
    assert answers == at_the_end
    shown = start_command("report", folder=folder, PYTHONPROFILEIMPORTTIME="1")
    assert shown.stdout == asked.stdout
    imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert {"darkmagic.sweeps.track.kept.read", "numpy"} <= imported
    assert not {"mlflow", "sqlalchemy", "hydra", "omegaconf", "torch"} & imported


def test_report_writes_every_format_to_stdout(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """Each format is written to stdout as it is in the run's folder, and nothing else beside it."""
    folder, _ = ran
    formats = {
        f: run_command("report", "--format", f, folder=folder).stdout
        for f in ("csv", "json", "md", "tex", "html")
    }
    assert len(list(csv.reader(io.StringIO(formats["csv"])))) == 5
    assert len(json.loads(formats["json"])["rows"]) == 4
    assert formats["md"].startswith("# article-tiny-resnet8")
    files = folder / "runs" / "article-tiny-resnet8"
    for form, text in formats.items():
        assert (files / f"report.{form}").read_text() == text


@pytest.mark.weekly
def test_ensemble_averages_seeds_or_trials_and_refuses_too_few(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """Seeds of a trial or the best trials predict together; a bad choice is one line and code 2."""
    folder, _ = ran
    seeds = run_command("ensemble", "-k", "2", "--devices", "cpu", folder=folder)
    assert seeds.returncode == 0, seeds.stderr
    assert re.search(r"baseline seed 1 +\d+\.\d\d", seeds.stdout)
    assert "2 runs together" in seeds.stdout
    arguments = ["--of", "trials", "-k", "3", "--split", "test", "--devices", "cpu"]
    trials = run_command("ensemble", *arguments, folder=folder)
    assert "on the test set" in trials.stdout
    losses = run_command("ensemble", "-k", "2", "--metric", "loss", folder=folder)
    assert re.search(r"together: [+-]0\.\d{4} nats of cross-entropy on their mean", losses.stdout)
    assert "(lower is better)" in losses.stdout
    assert "points" not in losses.stdout
    for arguments, message in {
        ("-k", "3"): "there are 2 seeds of baseline",
        ("-k", "1"): "2 members or more",
        ("--of", "seed"): "did you mean seeds",
        ("--trial", "mixup=of"): "did you mean mixup=on",
        ("--split", "train"): "choose val or test",
        ("--metric", "los"): "--metric=los: no such metric; did you mean loss",
        ("--metric", "map", "--of", "trials", "-k", "2"): "darkmagic checklist run metric=map",
        ("nothing",): "no experiment 'nothing'",
    }.items():
        refused = run_command("ensemble", *arguments, folder=folder)
        assert refused.returncode == 2
        assert message in refused.stderr


def test_second_run_of_an_experiment_trains_nothing(
    ran: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    """The same command prints the same table and starts no trial."""
    folder, done = ran
    again = run_command("checklist", "run", *RECIPE, folder=folder, DARKMAGIC_CACHE=str(folder))
    assert again.returncode == 0
    assert "started" not in again.stderr
    assert again.stdout == done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["checklist", "run", "epocs=3"], "did you mean epochs"),
        (["checklist", "plan", "trick/mixup=onn"], "did you mean on"),
        (["train", "model=resnet19"], "did you mean resnet18"),
        (["tricks", "mixp"], "did you mean mixup"),
        (["report", "--format", "htm"], "did you mean html"),
        (["report"], "darkmagic checklist run"),
        (["report", "-o", "x.svg"], "to write a file: darkmagic report --format svg > x.svg"),
        (["report", "-f", "md", "-o", "my x.png"], "darkmagic report --format md > 'my x.png'"),
        (["report", "--sort", "bst"], "did you mean best"),
        (["report", "one", "--compare"], "needs two experiments"),
        (["report", "-n", "one", "--compare"], "needs two experiments, and got 1"),
        (["report", "--watch", "0"], "need a number of seconds over 0"),
        (["checklist", "power", "--spread", "0"], "need a number of points over 0"),
        (["checklist", "confirm"], "there is no sweep of this recipe"),
        (["ensemble"], "no trained runs"),
        (["checklist", "confirm", "--seeds", "0"], "give 1 or more"),
        (["checklist", "run", "seeds=+2"], "there is none of this recipe yet"),
        (["checklist", "run", "seeds=+x"], "write seeds=+2"),
        (["checklist", "plan", "--config-dir", "nowhere"], "no folder nowhere"),
        (["checklist", "run", "hydra.launcher.devices=[7]"], "names 7, but the GPUs here are"),
    ],
)
def test_bad_input_ends_in_one_line_and_exit_code_two(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    """A command that cannot be run says why in one line, and leaves no result behind."""
    done = run_command(*arguments, folder=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert done.stdout == ""
    assert not list(tmp_path.rglob("result.json"))


def test_debug_option_shows_the_traceback(tmp_path: Path) -> None:
    """With --debug an error of the user is shown with its traceback."""
    done = run_command("--debug", "checklist", "plan", "epocs=3", folder=tmp_path)
    assert "Traceback" in done.stderr
    assert "UserError" in done.stderr


def test_plan_shows_each_trial_and_estimates_its_time(tmp_path: Path) -> None:
    """The plan has a line a trial and the number of runs; with --estimate it has their time."""
    done = run_command("checklist", "plan", "seeds=3", folder=tmp_path)
    assert "51 runs: baseline x 6 seeds, 15 trials x 3 seeds (more of the baseline" in done.stdout
    assert re.search(r"5 +pretrain +none +pretrained", done.stdout)
    timed = run_command("checklist", "plan", *TINY, "--estimate", folder=tmp_path)
    assert re.search(r"15 .*swish +\d+ s", timed.stdout), timed.stderr
    assert "of training on one device" in timed.stdout


def test_dry_run_trains_every_trial_and_keeps_nothing(tmp_path: Path) -> None:
    """A dry run trains all trials on tiny data in place of the user's, and leaves no folder."""
    arguments = ["dataset=cifar10", "epochs=90", "trick/mixup=on", "-o", "kept", FIVE]
    done = run_command("checklist", "run", "--dry-run", *arguments, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "dry run: 5 of 5 trials work" in done.stdout
    assert not (tmp_path / "kept").exists()


def test_dry_run_with_failing_trials_exits_with_one(tmp_path: Path) -> None:
    """A network that cannot take the images fails all five trials of a dry run."""
    arguments = ["model=own", "model.build._target_=torch.nn.Flatten", FIVE]
    done = run_command("checklist", "run", "--dry-run", *arguments, folder=tmp_path)
    assert done.returncode == 1
    assert "dry run: 0 of 5 trials work" in done.stdout
    assert "the data have 10 classes" in done.stdout


def test_train_prints_a_line_for_each_trial(tmp_path: Path) -> None:
    """One trial or, with -m, several are trained; several values without -m are refused."""
    one = run_command("train", *TINY, "trick/label_smoothing=0.2", folder=tmp_path)
    assert one.returncode == 0, one.stderr
    assert re.search(r"label_smoothing='0.2' +\d+\.\d\d .*finished", one.stdout)
    arguments = ["trick/optimizer=adam,sgd_nesterov", "tricks.lr_regime.cycles=1"]
    several = run_command("train", "-m", *TINY, *arguments, folder=tmp_path)
    assert len(re.findall("finished", several.stdout)) == 2
    refused = run_command("train", *TINY, arguments[0], folder=tmp_path)
    assert refused.returncode == 2


def test_tricks_lists_all_tricks_and_shows_one_card(tmp_path: Path, repo: Path) -> None:
    """The list has every trick, and one trick's card has its options with their fields."""
    inventory = run_command("tricks", folder=tmp_path)
    tricks = {folder.name for folder in (repo / "sweeps" / "conf" / "trick").iterdir()}
    assert tricks <= set(re.findall(r"^ (\w+) ", inventory.stdout, re.MULTILINE))
    card = run_command("tricks", "mixup", folder=tmp_path).stdout
    assert card.startswith("mixup: ")
    assert "Source: Zhang et al. 2018" in card
    assert "trick/mixup=on  (alpha=0.2)" in card


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--on", "model=resnet8", "--format", "htm"], "html"),
        (["mixup", "cutmix"], "takes the name of one trick"),
        (["mixup", "--format", "md"], "--on model=NAME"),
    ],
)
def test_bad_words_to_tricks_are_one_line(words: list[str], line: str, tmp_path: Path) -> None:
    """With the nearest that there is, and exit code 2."""
    done = run_command("tricks", *words, folder=tmp_path)
    assert done.returncode == 2
    assert line in done.stderr
