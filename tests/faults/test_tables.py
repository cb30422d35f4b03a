"""Tables of `darkmagic judge`: verdicts, or one line that says what is wrong with them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import strategies as st

from darkmagic.sweeps.sources.text import read_text
from generated import Tried, asked
from typed_inputs import outcome
from typed_tables import tables

LIMIT = 10.0
"""Seconds after which a table counts as hanging."""
SAID = 2000
"""Characters of the longest line that says what is wrong with a table."""


def _judge(path: Path, *options: str) -> tuple[int, str]:
    """Judge the file at `path`; check that there are verdicts, or one printable line."""
    began = time.process_time()
    code, printed = outcome(["judge", str(path), "-o", str(path.parent / "judged"), *options])
    assert time.process_time() - began < LIMIT
    assert code in (0, 2), printed
    assert all(c.isprintable() or c == "\n" for c in printed)
    if code == 2:
        assert len(printed.strip().splitlines()) == 1, printed
        assert len(printed) < SAID
        assert not (path.parent / "judged").exists()
    return code, printed


@pytest.mark.timeout(0 if asked("_TABLES") else 300)
def test_generated_table_is_judged_or_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    """No table is an internal error, hangs, or sends control characters to the terminal.

    Most are read for a report in text alone, which takes milliseconds; one in fifty makes them all.
    """

    def attempt(case: tuple[bytes, int]) -> None:
        content, number = case
        path = tmp_path_factory.mktemp("table") / "runs.txt"
        path.write_bytes(content)
        _judge(path, *(["-f", ("txt", "md", "json")[number % 3]] if number else []))

    Tried("_TABLES", 30).each(st.tuples(tables(), st.integers(0, 49)), attempt)


RUNS = "name,seed,acc\nbase,0,0.90\nbase,1,0.91\nb,0,0.95\nb,1,0.96\n"
JUDGED = {
    "a cell of 2 MB": RUNS.replace("acc\n", "acc,log\n") + "b,2,0.97," + "x" * 2_000_000,
    "a name of 1 MB": RUNS + "x" * 1_000_000 + ",0,0.9\n",
    "a column's name of 1 MB": RUNS.replace("acc", "acc," + "x" * 1_000_000),
    "a rule of 1 MB that is none": RUNS + "|" + "-" * 1_000_000 + "x,0,0.9\n",
    "a number of 400 digits": json.dumps(
        [{"name": "base", "acc": 1}, {"name": "b", "acc": 10**400}]
    ),
    "a number of 5,000 digits": '{"name": "base", "acc": 1}\n{"name": "b", "acc": '
    + "1" * 5000
    + "}",
    "sets": RUNS.replace("acc\n", "tags,acc\n").replace("0.9", '"{1, 2}",0.9'),
}
"""Tables that hold what nobody would write into one by hand, and that can be judged."""
REFUSED = {
    "a number of 1 MB": (RUNS + "b,2," + "9" * 1_000_000, "1,000,000 characters"),
    "blanks of 1 MB": (RUNS + "b,2,0" + " " * 1_000_000 + "x", "1,000,002 characters"),
    "a seed of 5,000 digits": (
        "name,acc\n"
        + "".join(f"{n}_seed{s},0.{s[0]}\n" for n in ("base", "b") for s in ("1", "2" * 5000)),
        "5,009 characters",
    ),
    "900 trials": (RUNS + "".join(f"t{i},0,0.9\n" for i in range(900)), "902 different"),
    "12,000 runs": (RUNS + "".join(f"b,{i},0.9\n" for i in range(2, 12_000)), "12,002 runs"),
}
"""Tables that cannot be judged, and words of the line that says so."""


@pytest.mark.parametrize("name", JUDGED)
def test_table_with_something_huge_is_judged(name: str, tmp_path: Path) -> None:
    """In seconds, and no more of a cell reaches the terminal than tells it from others."""
    path = tmp_path / "runs.csv"
    path.write_text(JUDGED[name])
    code, printed = _judge(path, "-f", "txt", "-m", "acc")
    assert code == 0
    assert len(printed) < 2 * SAID


@pytest.mark.parametrize("name", REFUSED)
def test_table_that_is_too_much_is_refused(name: str, tmp_path: Path) -> None:
    """In seconds, by a line that says what is too much."""
    content, words = REFUSED[name]
    path = tmp_path / "runs.csv"
    path.write_text(content)
    code, printed = _judge(path)
    assert code == 2
    assert words in printed


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\x0b", "\x0c", "\x1c"])
@pytest.mark.parametrize("form", ["csv", "json"])
def test_only_line_ends_end_a_line(mark: str, form: str) -> None:
    """What Python takes for the end of a line too stays in its cell: a row is no two rows."""
    rows = [("base", "0.5"), (f"a{mark}b", "0.9")]
    lines = [json.dumps({"name": n, "acc": a}, ensure_ascii=False) for n, a in rows]
    text = {"csv": "name,acc\n" + "".join(f"{n},{a}\n" for n, a in rows), "json": "\n".join(lines)}
    assert read_text("runs", text[form].encode()).rows == tuple(rows)
