"""docs/scale.md: its figures are those that were measured, and its sums are right."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from darkmagic.sweeps.launch.jobs import claims, follow, serve
from darkmagic.sweeps.launch.slurm.request import SlurmRequest as Request
from darkmagic.sweeps.orchestrate import follower
from darkmagic.sweeps.track import tracker
from file_operations import operations
from harness.table import figure

REPO = Path(__file__).parent.parent
PAGE = (REPO / "docs/scale.md").read_text()
RESULTS = REPO / "tests/benchmarks/results"
PARTS = {"planned": "plan", "composed": "compose", "tracked": "track", "reported": "report"}


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[str, str]]:
    """Return what each part takes of 1,000 and of 10,000 trials, as the result has it."""
    rows = json.loads((RESULTS / "scaling.json").read_text())["rows"]
    found = {}
    for row in rows:
        part = re.fullmatch(r"10,000 trials (\w+): growth from 1,000", row["what"])
        if part:
            small, large = row["note"].removesuffix(" s").removesuffix(" MiB").split(" to ")
            found[part[1]] = small, large
    return found


@pytest.mark.parametrize("part", [*PARTS, "memory"])
def test_row_of_the_table_is_the_committed_result(
    part: str, measured: dict[str, tuple[str, str]]
) -> None:
    """Each line of the first table has both figures of its part."""
    name, unit = PARTS.get(part, part), "MiB" if part == "memory" else "s"
    (row,) = [line for line in PAGE.splitlines() if line.startswith(f"| {name}") and unit in line]
    small, large = measured[part]
    assert f"| {small} {unit} | {large} {unit} |" in row


def test_submitting_and_following_are_the_committed_result() -> None:
    """Each part that `submission.py` measures is a line of the table, under its name there."""
    rows = json.loads((RESULTS / "submission.json").read_text())["rows"]
    parts = {}
    for row in rows:
        if found := re.fullmatch(r"([\d,]+) trials: (.+)", row["what"]):
            parts.setdefault(found[2], {})[found[1]] = figure(row["value"])
    assert len(parts) == 3
    for part, of in parts.items():
        (line,) = [line for line in PAGE.splitlines() if line.startswith("| ") and part in line]
        assert f"| {of['1,000']} s | {of['10,000']} s |" in line


def test_costs_a_trial_follow_from_the_table(measured: dict[str, tuple[str, str]]) -> None:
    """What a trial costs, and what that is of the sweep, are the table's figures divided."""
    composed, tracked = (float(measured[part][1]) for part in ("composed", "tracked"))
    assert f"{composed / 10:.0f} ms a trial to compose, {tracked / 10:.0f} ms to track" in PAGE
    waited = float(measured["planned"][1]) + composed
    assert f"{100 * waited / 36000:.1f} % of the ten hours" in " ".join(PAGE.split())
    assert f"{tracked / 10 / 4:.0f} ms a call" in " ".join(PAGE.split())


def test_file_operations_are_the_committed_result() -> None:
    """Each row of `file_operations.py` is a line of the table, and the sums are of its figures."""
    rows = json.loads((RESULTS / "file_operations.json").read_text())["rows"]
    counted = {row["what"]: int(row["value"]) for row in rows}
    for what, count in counted.items():
        who, _, does = what.partition(": ")
        (line,) = [line for line in PAGE.splitlines() if f"| {does} |" in line]
        assert line.startswith(f"| {who}")
        assert re.search(rf"\| {does} \| {count}( a \w+)? \|$", line)
    waits, runs = (counted[f"the command: follows a job that {what}"] for what in ("waits", "runs"))
    text = " ".join(PAGE.split())
    assert f"{waits} x 9,000 and {runs} x 1,000 operations a pass" in text
    assert f"a pass is {(waits * 9000 + runs * 1000) * 0.0002:.0f} s instead of" in text
    assert f"{counted['a worker: renews a claim'] * 1000 / 7.5:.0f} a second" in text
    looks = counted["a worker: looks at a job that another has"]
    assert f"a thousand jobs a second: {looks * 125 * 1000:,} operations a second" in text


@pytest.mark.weekly
@pytest.mark.skipif(shutil.which("strace") is None, reason="not installed: strace")
def test_file_operations_are_those_of_today() -> None:
    """The code asks of the file system what the committed result says."""
    rows = json.loads((RESULTS / "file_operations.json").read_text())["rows"]
    assert operations() == {row["what"]: row["value"] for row in rows}


def test_periods_that_the_page_names_are_those_of_the_code() -> None:
    """A pause that is changed changes the sums of the page."""
    assert (follow.POLL_SECONDS, follower.POLL_SECONDS, serve.PAUSE_SECONDS) == (0.5, 0.25, 1.0)
    assert (tracker.FLUSH_SECONDS, tracker.FLUSH_SECONDS_AT_MOST) == (5.0, 30.0)
    assert 60 / claims.BEATS_A_LEASE == 7.5
    assert f"`max_parallel` is {Request.max_parallel}" in PAGE
    pages = json.loads((RESULTS / "report_speed.json").read_text())["rows"]
    (page,) = [r["value"] for r in pages if r["what"].startswith("page of 1,000 trials")]
    assert f"{page:.0f} s for 1,000 trials of 20 epochs" in PAGE
