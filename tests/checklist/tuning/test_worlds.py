"""The world that was measured: what is read from a table of runs is what made it."""

from __future__ import annotations

import csv
import itertools
import json
import os
import re
import shlex
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from rank_strategies import REPEATS, SLOW, Outcome, table_row, with_kept
from strategies import STRATEGIES
from worlds import MEASURED, Bench, read_measured

DOCS = MEASURED.parents[1]
OPTIONS = {"warm": ("no", "yes", "long"), "mix": ("off", "on"), "size": ("8", "16")}
ALONE = {"yes": 1.0, "long": -2.0, "on": 0.5, "16": 0.0}
TOGETHER = {frozenset({"long", "on"}): 3.0}
LUCK = 0.2


def _write(path: Path, seeds: int) -> None:
    rng = np.random.default_rng(0)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*OPTIONS, "seed", "accuracy"])
        for row in itertools.product(*OPTIONS.values()):
            for seed in range(seeds):
                points = 90 + _true(row) + LUCK * rng.normal()
                writer.writerow([*row, seed, points / 100])


def _true(row: tuple[str, ...]) -> float:
    pairs = (frozenset(pair) for pair in itertools.combinations(row, 2))
    return sum(ALONE.get(o, 0.0) for o in row) + sum(TOGETHER.get(pair, 0.0) for pair in pairs)


def test_truth_is_read_from_runs(tmp_path: Path) -> None:
    """With pairs that do not add up; the luck is as wide as that of the runs."""
    _write(tmp_path / "runs.csv", seeds=40)
    world = read_measured(tmp_path / "runs.csv")
    assert world.space.sizes == (3, 2, 2)
    for row in itertools.product(*OPTIONS.values()):
        place = world.space.row_of(dict(zip(OPTIONS, row, strict=True)))
        assert world.truth[place] == pytest.approx(_true(row), abs=0.2)
    assert world.gains["warm", "long"] == pytest.approx(-2, abs=0.2)
    assert world.luck is not None
    assert len(world.luck[0, 0, 0]) == 40 * (1 + 2 + 1 + 1)
    assert world.luck[0, 0, 0].std() == pytest.approx(LUCK, rel=0.2)


def test_a_recipe_with_a_single_run_is_refused(tmp_path: Path) -> None:
    """Nothing is known of its luck."""
    _write(tmp_path / "runs.csv", seeds=2)
    lines = (tmp_path / "runs.csv").read_text().splitlines()
    (tmp_path / "runs.csv").write_text("\n".join(lines[:-1]))
    with pytest.raises(AssertionError, match="fewer runs than two"):
        read_measured(tmp_path / "runs.csv")


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name != "GP"])
def test_strategy_spends_no_more_than_its_runs_in_the_measured_world(name: str) -> None:
    """And ends with one of its recipes."""
    world = read_measured()
    bench = Bench(world, np.random.default_rng(0))
    found = STRATEGIES[name](bench, 32)
    assert 0 < len(bench.rows) <= 32
    assert np.isfinite(world.truth[found.row])


@pytest.mark.parametrize("name", ["strategies", "strategies_digits"])
def test_table_of_the_page_is_the_committed_result(name: str) -> None:
    """Each row of docs/designs.md is made from the figures in docs/results."""
    page = (DOCS / "designs.md").read_text()
    found = [
        Outcome(**each) for each in json.loads((DOCS / "results" / f"{name}.json").read_text())
    ]
    lines = itertools.groupby(found, key=lambda outcome: (outcome.runs, outcome.strategy))
    rows = [table_row(list(line)) for _, line in lines]
    assert len(rows) >= 24
    assert not [row for row in rows if row not in page]


@pytest.mark.parametrize("name", ["strategies", "strategies_digits"])
def test_strategy_that_is_run_alone_leaves_the_other_rows(tmp_path: Path, name: str) -> None:
    """And its own come to their place in the table."""
    committed = DOCS / "results" / f"{name}.json"
    rows = [Outcome(**each) for each in json.loads(committed.read_text())]
    alone = [row for row in rows if row.strategy == "TPE"]
    others = tmp_path / "others.json"
    others.write_text(json.dumps([asdict(row) for row in rows if row not in alone]))
    assert with_kept(alone, others) == rows
    assert with_kept(alone, committed) == rows
    assert with_kept(rows, tmp_path / "none.json") == rows


def _run_alone(command: str, folder: Path) -> str:
    """Run a page's command as a reader does: nothing of the tests is on its path."""
    program, *rest = shlex.split(command)[1:]
    plain = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    words = [sys.executable, str(DOCS.parent / program), *rest]
    done = subprocess.run(
        words, cwd=folder, env=plain, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_page_is_made_again_by_the_command_that_it_names(tmp_path: Path) -> None:
    """It runs alone, and as it is written in as many worlds as the committed file has."""
    (command,) = re.findall(
        r"`(python \S*rank_strategies.py[^`]*)`", (DOCS / "designs.md").read_text()
    )
    small = "--repeats 2 --runs 16 --strategies random --kinds additive --json small.json"
    assert "| 16 | random |" in _run_alone(f"{command} {small}", tmp_path)
    (made,) = json.loads((tmp_path / "small.json").read_text())
    committed = json.loads((DOCS / "results/strategies.json").read_text())
    assert made.keys() == committed[0].keys()
    assert {each["worlds"] for each in committed if each["strategy"] not in SLOW} == {REPEATS}


@pytest.mark.weekly
def test_programs_that_pages_name_start_alone(tmp_path: Path) -> None:
    """Each that reads arguments says what they are."""
    pages = "".join(page.read_text() for page in DOCS.glob("*.md"))
    programs = set(re.findall(r"python (tests/checklist/\S+\.py)", pages))
    reading = [each for each in programs if "argparse" in (DOCS.parent / each).read_text()]
    assert len(reading) >= 6
    for program in reading:
        assert "usage:" in _run_alone(f"python {program} --help", tmp_path)


def test_committed_runs_are_every_combination() -> None:
    """Twice each."""
    with MEASURED.open() as file:
        lines = list(csv.reader(file))[1:]
    assert len(lines) == 384
    assert len({tuple(line[:-2]) for line in lines}) == 192
