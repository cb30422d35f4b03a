"""The committed results as one page of tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.table import GPU_RESULTS, RESULTS, Row, figure

__all__ = ["page", "results", "rows_of"]

HEAD = """# What was measured

Each table is one command of `tests/benchmarks/`, run with `--results`. Sides took turns; figures
are medians, and the lowest and the highest turn stand beside them. A row without a figure was not
measured, and says why. What was measured on a GPU stands in a table of its own.
"""


def results(folder: Path = RESULTS) -> dict[str, Mapping[str, Any]]:
    """Return the committed results of a `folder` by their names, in order."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def rows_of(result: Mapping[str, Any]) -> list[Row]:
    """Return a result's rows."""
    return [Row(**row) for row in result["rows"]]


def page() -> str:
    """Return all results as Markdown, and where time goes that is missing to a goal."""
    on_gpu = results(GPU_RESULTS)
    tables: list[str] = []
    for name, result in results().items():
        rows = rows_of(result)
        if name in on_gpu:
            rows = [row for row in rows if row.note != "not measured: no GPU"]
        if rows:
            tables += _table(name, result, rows)
        if name in on_gpu:
            tables += _table(f"{name}, on a GPU", on_gpu[name], rows_of(on_gpu[name]))
    return "\n".join([HEAD, *tables, (RESULTS / "shortfalls.md").read_text()])


def _table(name: str, result: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[str]:
    machine = result["machine"]
    packages = ", ".join(f"{package} {version}" for package, version in result["versions"].items())
    yield f"## {name}\n"
    yield (
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, "
        f"GPU: {machine['gpu'] or 'none'}; Python {machine['python']}, {packages}; "
        f"{result['repeats']} turns; {machine['date']}.\n"
    )
    yield "| what | beside | unit | ours | theirs | ratio or figure | turns | goal | |"
    yield "|---|---|---|--:|--:|--:|--:|---|---|"
    for row in rows:
        turns = "" if row.low is None else f"{figure(row.low)} to {figure(row.high)}"
        reached = {True: "reached", False: "**missed**", None: ""}[row.reached()]
        note = "; ".join(part for part in (reached, row.note) if part)
        cells = [row.what, row.peer, row.unit]
        cells += [figure(row.ours), figure(row.theirs), figure(row.value), turns, row.goal, note]
        yield "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"
    yield ""


if __name__ == "__main__":
    (RESULTS / "README.md").write_text(page())
