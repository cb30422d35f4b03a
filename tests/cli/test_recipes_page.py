"""Every command of docs/recipes.md runs, on a small screen of tiny data."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from commanding import TINY, run_command

REPO = Path(__file__).parent.parent.parent
PAGE = (REPO / "docs" / "recipes.md").read_text()
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
]
TRICKS = (
    "checklist.tricks=[{name: optimizer, section: s, options: [sgd_nesterov, adam]},"
    "{name: mixup, section: s, options: ['off', 'on']},"
    "{name: ema, section: s, options: ['off', 'on']}]"
)
MINE = [TRICKS, *TINY[1:], "dataset=digits", "epochs=1", "floor=0"]
"""Of images that are learnt from, so that runs of a screen differ."""
TAKE = ["--take", "mixup=on", "--take", "ema=on"]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run the screen that later commands go on with."""
    folder = tmp_path_factory.mktemp("recipes")
    words = ["checklist", "run", "--skip-preflight", *MINE, "design=screen", "runs=6"]
    done = run_command(*words, folder=folder, DARKMAGIC_CACHE=str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.weekly
@pytest.mark.parametrize("command", COMMANDS)
def test_command_of_the_page_runs(project: Path, command: str) -> None:
    """Sweeps are planned; what confirms and takes apart is trained, with a seed of its own."""
    program, *arguments = shlex.split(command)
    assert program == "darkmagic"
    if arguments[:2] == ["checklist", "run"]:
        arguments[1] = "plan"
        arguments = [a for a in arguments if not a.startswith("runs=")]
    else:
        arguments += [] if "--take" in arguments or arguments[1] == "plan" else TAKE
        arguments += ["--seeds", "1"] if arguments[1] != "plan" else []
    done = run_command(*arguments, *MINE, folder=project, DARKMAGIC_CACHE=str(project))
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    text = " ".join(done.stdout.split())
    expected = {
        "retune=ladder": "6 runs pick the rates" if "design=screen" not in arguments else "8 runs",
        "retune=optuna": "16 runs pick the rates",
        "--interactions": "each mixes options of all tricks",
        "confirm": "on the test set",
        "ablate": "The whole recipe gains",
        "--path": "one by one",
    }
    for word, said in expected.items():
        if word in arguments and not (word == "retune=ladder" and "design=screen" in arguments):
            assert said in text
    assert max(map(len, done.stdout.splitlines())) <= 200


SMALL = {"seeds=3": "seeds=1", "retune_tries=8": "retune_tries=2", "runs=40": "runs=12"}
"""Fewer of what a command of the page trains."""


@pytest.mark.weekly
@pytest.mark.parametrize(
    "command", [c for c in COMMANDS if c.startswith("darkmagic checklist run")]
)
def test_sweep_of_the_page_is_trained(project: Path, command: str) -> None:
    """Rates are picked, a screen is with them, a pair is told apart, and what is trained is kept.

    The same command again finds all of it.
    """
    words = [SMALL.get(word, word) for word in shlex.split(command)[1:]]
    name = [] if "--interactions" in words else ["-n", f"trained-{COMMANDS.index(command)}"]
    words += ["--skip-preflight", *MINE, *name]
    before = {*project.glob("runs/*/*/result.json")}
    done = run_command(*words, folder=project, DARKMAGIC_CACHE=str(project))
    assert done.returncode == 0, f"{command}: {done.stderr}{done.stdout}"
    assert "started" in done.stderr
    said = " ".join((done.stdout + done.stderr).split())
    expected = {
        "retune=ladder": "learning_rate" if "design=screen" in words else "rates picked: ",
        "retune=optuna": "rates picked: ",
        "--interactions": "add up",
    }
    new = {*project.glob("runs/*/*/result.json")} - before
    assert len(new) >= (2 if "--interactions" in words else 4)  # a pair's runs, beside the screen's
    for word, text in expected.items():
        if word in words:
            assert text in said
    again = run_command(*words, folder=project, DARKMAGIC_CACHE=str(project))
    assert again.returncode == 0, again.stderr
    assert "started" not in again.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "retune=lader"], "ladder"),
        (["run", "--interactions"], "write design=screen"),
        (["run", "futility=0"], "futility"),
        (["run", "futility=far"], "futility"),
        (["ablate"], "run darkmagic checklist confirm first"),
        (["ablate", "--seeds", "0"], "give 1 or more"),
        (["ablate", "seeds=+2", "--take", "mixup=on"], "it trains with fresh seeds"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    """Bad input is refused with exit code 2 and what can be written instead."""
    done = run_command("checklist", *words, *MINE, folder=tmp_path)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())
    assert len(done.stderr.strip().splitlines()) == 1


def test_figures_of_the_page_are_the_committed_ones() -> None:
    """Each difference on digits that the page shows is in the file that its command made."""
    found = json.loads((REPO / "docs" / "results" / "rates.json").read_text())
    section = PAGE[PAGE.index("On digits") : PAGE.index("The rates of this recipe")]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| `")]
    assert len(rows) == 6
    for name, *cells in rows:
        for mode, cell in zip(("none", "ladder", "optuna"), cells, strict=True):
            row = found[mode]["rows"][name.strip(" `")]
            assert cell.split()[0] == f"{row['difference']:+.2f}"
