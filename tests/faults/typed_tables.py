"""Tables of runs as people and programs write them, generated: CSV, JSON, lines of JSON."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from hypothesis import strategies as st

__all__ = ["tables"]

NAMES = [
    *("name", "trial", "method", "config.lr", "seed", "fold", "acc", "val/acc", "loss", "time"),
    *("epoch", "step", "status", "std", "n", "mean acc", "date", "notes", "config", "", " ", "acc"),
    *("métrique", "=HYPERLINK(1)", "[/x]", "\x1b[31macc", "a" * 400, "trial", "seed", "acc"),
]
NUMBERS = [
    *("0.91", "0.9", "1", "0", "-1", "93,1", "93.1 %", "93,1%", "1,234", "1.234,5", "1 234", "1e5"),
    *(
        "1e400",
        "-1e-400",
        "nan",
        "NaN",
        "inf",
        "-inf",
        "1e99",
        "0x1F",
        "1_000",
        "٣",
        "½",
        "\u22120.5",
    ),
    *("0.91 ± 0.02", "0.91±", "± 1", "0.9 +/- 0.1", "9" * 400, "." * 50, ",", "0.91\u00a0%"),
]
WORDS = [
    *(
        "base",
        "baseline",
        "mixup",
        "mixup_seed1",
        "mixup-s2",
        "resnet-18",
        "b/run_3",
        "none",
        "(none)",
    ),
    *("", "null", "None", "failed", "crashed: OOM", "finished", "running", "n/a", "-", "?", "True"),
    *("2024-01-31", "31.12.2024 10:00", "10:00:00", "{'lr': 0.1}", '{"lr": 0.1}', "{1, 2}", "[1]"),
    *("{" * 500, "s1" * 200, "_ " * 200, "x" * 5000, "seed_" + "9" * 5000, "\x00", "\x1b]0;x\x07"),
    *(
        "\u2028",
        "a\x0bb",
        "a\x0cb",
        "a\x85b",
        "\ud800",
        "\u202eevil",
        '"',
        "'",
        '"""',
        "a\nb",
        "a\rb",
    ),
    *(
        "=cmd|' /C calc'!A0",
        "<script>",
        "| a | b |",
        "|---|",
        "$x$",
        "\\end{table}",
        "%",
        "ü",
        "日本",
    ),
]
CELLS = st.one_of(
    st.sampled_from(NUMBERS),
    st.sampled_from(WORDS),
    st.sampled_from(WORDS),
    st.text(max_size=8),
    st.floats().map(repr),
)
ENCODINGS = [
    "utf-8",
    "utf-8",
    "utf-8",
    "utf-8-sig",
    "utf-16",
    "utf-16-le",
    "utf-32",
    "cp1252",
    "cp437",
]


@st.composite
def _plain(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of a table that can be judged."""
    trials = draw(st.lists(st.sampled_from(["mixup", "adam", "ema", "x"]), max_size=3, unique=True))
    seeds = draw(st.integers(1, 4))
    head = ["name", "seed", draw(st.sampled_from(["acc", "loss", "val_acc"]))]
    constant = draw(st.booleans())
    values = st.just("0.5") if constant else st.floats(0, 1).map("{:.3f}".format)
    rows = [[n, str(s), draw(values)] for n in ["base", *trials] for s in range(seeds)]
    for name in draw(st.lists(st.sampled_from(NAMES), max_size=2)):
        head.append(name)
        rows = [[*row, draw(CELLS)] for row in rows]
    return head, rows


@st.composite
def _spoilt(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """Return head and rows of a table with what slips into such: other cells, rows of other
    lengths, rows and runs that are there twice.
    """
    head, rows = draw(_plain())
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.sampled_from(rows))
        match draw(st.integers(0, 5)):
            case 0 | 1 | 2:
                row[draw(st.integers(0, len(row) - 1))] = draw(CELLS)
            case 3:
                rows = [*rows, [*row]]
            case 4:
                rows = [*(r for r in rows if r is not row), row[: draw(st.integers(1, len(row)))]]
            case _:
                rows = [*(r for r in rows if r is not row), [*row, draw(CELLS)]]
    if draw(st.integers(0, 5)) == 0:
        head[draw(st.integers(0, len(head) - 1))] = draw(st.one_of(st.sampled_from(NAMES), CELLS))
    return head, rows


@st.composite
def _wide(draw: st.DrawFn) -> tuple[list[str], list[list[str]]]:
    """Return a table of a thousand columns."""
    head, rows = draw(_plain())
    more = [f"column {i}" for i in range(1000)]
    cells = draw(st.lists(CELLS, min_size=1, max_size=5))
    return [*head, *more], [[*row, *(cells[i % len(cells)] for i in range(1000))] for row in rows]


def _as_csv(table: tuple[list[str], list[list[str]]], dialect: dict[str, Any]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, escapechar="\\", **dialect).writerows([table[0], *table[1]])
    return out.getvalue()


def _as_json(table: tuple[list[str], list[list[str]]], form: str) -> str:
    head, rows = table
    runs = [{k: _value(v) for k, v in zip(head, row, strict=False)} for row in rows]
    if form == "lines":
        return "\n".join(json.dumps(run, ensure_ascii=len(runs) % 2 == 0) for run in runs)
    if form == "columns":
        return json.dumps({k: [run.get(k) for run in runs] for k in head})
    return json.dumps({"runs": runs} if form == "nested" else runs)


def _value(cell: str) -> Any:
    """Return what a program would write in the place of `cell`: numbers, null and objects too."""
    try:
        return json.loads(cell) if len(cell) < 500 else cell
    except ValueError:
        return cell


DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ",", ",", ";", "\t", "|", ":", " "]),
        "quotechar": st.sampled_from(['"', '"', '"', "'"]),
        "lineterminator": st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
        "quoting": st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONE]),
    }
)
FORMS = st.sampled_from(["lines", "columns", "nested", "array"])


@st.composite
def tables(draw: st.DrawFn) -> bytes:
    """Return the content of a file of runs, most often one that is nearly right."""
    table = draw(st.one_of(_spoilt(), _spoilt(), _spoilt(), _spoilt(), _spoilt(), _wide()))
    if draw(st.integers(0, 2)):
        text = _as_csv(table, draw(DIALECTS))
    else:
        text = _as_json(table, draw(FORMS))
    content = text.encode(draw(st.sampled_from(ENCODINGS)), errors="replace")
    match draw(st.integers(0, 9)):
        case 0:
            return content[: draw(st.integers(0, len(content)))]
        case 1:
            at = draw(st.integers(0, len(content)))
            return content[:at] + draw(st.binary(max_size=4)) + content[at:]
        case _:
            return content
