"""What the benchmarks stand on: turns, goals, peers, committed results. Nothing is timed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.machine import machine, versions
from harness.peers import Peer
from harness.render import page, results, rows_of
from harness.table import RESULTS, compared, limited, unmeasured
from harness.turns import Measured, ratio, take_turns

SPEED = (Path(__file__).resolve().parents[1] / "docs" / "speed.md").read_text()


def test_sides_take_turns_from_both_ends() -> None:
    """Warm-up turns are not counted, and none of the sides is always first."""
    order = []

    def side(name: str) -> Callable[[], float]:
        def run() -> float:
            order.append(name)
            return float(len(order))

        return run

    measured = take_turns({name: side(name) for name in "abc"}, repeats=2, warm_up=1)
    assert "".join(order) == "abc" + "cba" + "abc"
    assert measured["a"].samples == (6.0, 7.0)


def test_ratios_are_of_one_turn() -> None:
    """A machine that is twice as slow in one turn is so for both."""
    ours, theirs = Measured((10.0, 5.0, 10.0)), Measured((5.0, 2.5, 4.0))
    assert ratio(ours, theirs).samples == (2.0, 2.0, 2.5)
    row = compared("what", "peer", "1/s", ours, theirs, at_least=2.2)
    assert (row.value, row.low, row.high, row.reached()) == (2.0, 2.0, 2.5, False)
    assert row.reached(slack=2) is True
    seconds = compared("what", "peer", "s", theirs, ours, at_least=2.0, rate=False)
    assert (seconds.value, seconds.reached()) == (2.0, True)


def test_limits_and_rows_without_a_figure() -> None:
    """What was not measured has neither reached its goal nor missed it."""
    row = limited("what", "s", Measured((3.0, 4.0, 5.0)), at_most=3.0)
    assert (row.reached(), row.reached(slack=2)) == (False, True)
    assert row.goal == "at most 3"
    missing = unmeasured("what", "peer", "s", why="no GPU", at_least=4)
    assert missing.reached() is None
    assert missing.goal == "at least 4 times"
    assert missing.note == "not measured: no GPU"
    assert limited("what", "s", Measured((3.0,)), at_most=None).reached() is None


@pytest.fixture
def echo(tmp_path: Path) -> Path:
    """Return a peer's script."""
    script = tmp_path / "echo.py"
    script.write_text(
        "from harness.serving import serve\n"
        "print('an import that talks')\n"
        "def double(x):\n"
        "    print('and talks')\n"
        "    return 2 * x\n"
        "def fail():\n"
        "    raise ValueError('planted')\n"
        "serve(double, fail)\n"
    )
    return script


def test_peers_answer_whatever_else_they_print(echo: Path) -> None:
    """An error is the caller's to raise, and the peer goes on."""
    with Peer(str(echo)) as peer:
        assert peer.call("double", x=21) == 42
        with pytest.raises(RuntimeError, match="ValueError: planted"):
            peer.call("fail")
        assert peer.call("double", x="ab") == "abab"


def test_a_machine_is_named() -> None:
    """What a figure is worth nothing without."""
    named = machine()
    assert named["cores"]
    assert named["processor"]
    assert set(versions("torch", "no-such-package")) == {"torch"}


def test_the_page_of_results_is_the_committed_one() -> None:
    """`python -m harness.render` in tests/benchmarks writes it."""
    assert (RESULTS / "README.md").read_text() == page()


@pytest.mark.parametrize("name", sorted(results()))
def test_results_are_whole(name: str) -> None:
    """A machine, versions, five turns beside peers; a row has a figure or says why not."""
    result = results()[name]
    assert result["machine"]["date"]
    assert result["versions"]
    for row in rows_of(result):
        assert row.value is not None or row.note.startswith("not measured: ")
        if row.at_least is not None and row.value is not None:
            assert result["repeats"] >= 5


def test_figures_of_the_page_of_speed_are_committed_ones() -> None:
    """Each row of the table of docs/speed.md is a row of a result."""
    shown = [line for line in SPEED.splitlines() if line.startswith("| ")][1:]
    assert len(shown) >= 5
    committed = page()
    for line in shown:
        what, *cells = [cell.strip() for cell in line.strip("|").split("|")]
        matching = [row for row in committed.splitlines() if row.startswith(f"| {what} |")]
        assert any(all(f" {cell} " in row for cell in cells if cell) for row in matching), line


def test_results_are_json_of_their_commands() -> None:
    """Each result's file is named as the benchmark that writes it."""
    for name in results():
        assert (RESULTS.parent / f"{name}.py").exists()
        assert json.loads((RESULTS / f"{name}.json").read_text())["benchmark"] == name
