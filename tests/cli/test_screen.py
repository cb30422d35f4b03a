"""A screen from the command line: planned, trained, extended and reported in real processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from commanding import TINY, run_command

MINE = (
    "checklist.tricks=[{name: loss, section: s, options: [cross_entropy, multiclass_hinge]},"
    "{name: mixup, section: s, options: ['off', 'on']},"
    "{name: label_smoothing, section: s, options: ['0.0']},"
    "{name: normalization, section: s, options: [own, batch]},"
    "{name: optimizer, section: s, options: [sgd_nesterov, sgd_momentum, adam]}]"
)
"""Two options that exclude each other, and one that changes nothing in a network of ours."""
WORDS = [*TINY, MINE, "max_steps=2", "floor=0", "design=screen"]


@pytest.fixture(scope="module")
def screened(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Run a screen of 7 runs, then of 8; return its folder and what was printed each time."""
    folder = tmp_path_factory.mktemp("screen")
    printed = []
    for runs in (7, 8):
        words = ["checklist", "run", "--skip-preflight", "-n", "mine", *WORDS, f"runs={runs}"]
        done = run_command(*words, folder=folder, DARKMAGIC_CACHE=str(folder), COLUMNS="160")
        assert done.returncode == 0, done.stderr
        printed.append(done.stdout)
    return folder, printed


def _names(folder: Path) -> set[str]:
    return {path.name.rsplit("-s", 1)[0] for path in (folder / "runs" / "mine").glob("*-s0-*")}


def test_run_trains_a_screen_and_shows_a_row_an_option(
    screened: tuple[Path, list[str]],
) -> None:
    """A screen has the ordinary table, says what its differences are and what it leaves out."""
    _, printed = screened
    text = " ".join(printed[0].split())
    for row in ("baseline", "loss=multiclass_hinge", "mixup=on", "optimizer=adam"):
        assert row in text
    assert "average over the other options" in text
    assert "normalization=batch is not in the screen: it changes nothing here" in text
    assert "excludes each other: loss=multiclass_hinge with mixup=on" in text
    assert "screen-01 " not in text.split("Differences are")[0]


def test_larger_screen_trains_only_what_is_new(
    screened: tuple[Path, list[str]],
) -> None:
    """The same command with more runs keeps the trials that exist and trains one more."""
    folder, printed = screened
    assert len(_names(folder)) == 8
    assert "A screen: 7 runs" in " ".join(printed[0].split())
    assert "A screen: 8 runs" in " ".join(printed[1].split())


def test_report_of_a_screen_is_the_same_from_the_store(
    screened: tuple[Path, list[str]],
) -> None:
    """`darkmagic report` reads the screen from MLflow alone, conflicts respected in its trials."""
    folder, _ = screened
    done = run_command("report", folder=folder, COLUMNS="160")
    assert done.returncode == 0, done.stderr
    assert "A screen: 8 runs" in " ".join(done.stdout.split())
    report = json.loads((folder / "runs" / "mine" / "report.json").read_text())
    rows = {row["trial"]: row for row in report["rows"]}
    assert next(iter(rows)) == "baseline"
    assert "normalization=batch" not in rows
    assert len(rows["mixup=on"]["accuracies"]) >= 3
    assert "=" in report["facts"]["screen-01"].partition(": ")[2]
    for path in (folder / "runs" / "mine").glob("screen-*/config.yaml"):
        text = path.read_text()
        assert not ("MulticlassHinge" in text and "mixup.Mixup" in text)


def test_plan_of_a_screen_shows_choices_and_both_designs(tmp_path: Path) -> None:
    """A plan lists what each trial mixes, and which design so many runs suit; writes nothing."""
    words = ["checklist", "plan", *WORDS, "runs=8"]
    done = run_command(*words, folder=tmp_path, COLUMNS="120")
    assert done.returncode == 0, done.stderr
    text = " ".join(done.stdout.split())
    assert "screen-01" in text
    assert "8 runs: each mixes options of all tricks" in text
    assert "8 runs suit" in text
    assert "is not in the screen" in text
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["design=scren"], "screen"),
        (["runs=24"], "runs=24 is of a screen; write design=screen, or seeds=3"),
        (["design=screen", "seeds=+2"], "a screen is extended by more runs"),
        (["design=screen", "only=mixup"], "a screen is extended by more runs"),
        (["design=screen", "baseline_repeats=3"], "leave it out"),
        (["design=screen", "runs=0"], "runs"),
    ],
)
def test_what_no_screen_can_be_is_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    """A request that does not fit is refused with exit code 2 and the nearest that does."""
    done = run_command("checklist", "plan", *TINY, *words, folder=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert len(done.stderr.strip().splitlines()) == 1
