"""What tricks would do to a network, as Markdown, HTML or JSON."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from darkmagic.checklist.errors import UserError, nearest

__all__ = ["FORMATS", "HEADS", "NetworkRow", "cells", "write_network"]

FORMATS = ("md", "html", "json")
HEADS = ("option", "applies", "keeps weights", "same at start", "why not")


@dataclass(frozen=True)
class NetworkRow:
    """One option on one network.

    `applies` is yes, no, fails (raises what it should not), untried (its weights are not there), or
    none for a trick that edits no network; `weights` is the share of tensors that stay as they
    are, in [0, 1].
    """

    option: str
    applies: str
    places: str = ""
    reason: str = ""
    weights: float | None = None
    same_output: bool | None = None


def cells(row: NetworkRow) -> tuple[str, ...]:
    """Return the row's texts, in the order of `HEADS`.

    >>> cells(NetworkRow("pooling=average", "yes", "2 of 3 places", "", 1.0, False))
    ('pooling=average', '2 of 3 places', '100 %', 'no', '')
    """
    applies = {"none": "edits no network", "untried": "not tried"}.get(
        row.applies, row.places or row.applies
    )
    weights = "" if row.weights is None else f"{100 * row.weights:.0f} %"
    same = {None: "", True: "yes", False: "no"}[row.same_output]
    return row.option, applies, weights, same, row.reason


def write_network(title: str, rows: Sequence[NetworkRow], form: str) -> str:
    """Return the table in one of `FORMATS`. Raises `UserError` for another.

    >>> print(write_network("net", [NetworkRow("mixup=on", "none")], "md").splitlines()[4])
    | mixup=on | edits no network |  |  |  |
    """
    if form not in FORMATS:
        raise UserError(f"no format {form!r} of this table; " + nearest(form, FORMATS))
    if form == "json":
        return (
            json.dumps({"network": title, "tricks": [asdict(row) for row in rows]}, indent=2) + "\n"
        )
    table = [HEADS, *map(cells, rows)]
    if form == "md":
        lines = ["| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in table]
        lines.insert(1, "|" + "---|" * len(HEADS))
        return "\n".join([f"# {title}", "", *lines, ""])
    tags = ["th", *["td"] * len(rows)]
    body = "\n".join(
        "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in line) + "</tr>"
        for tag, line in zip(tags, table, strict=True)
    )
    name = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{name}</title>\n'
        "<style>body{font:14px sans-serif}td,th{padding:2px 10px;text-align:left}</style>\n"
        f"<h1>{name}</h1>\n<table>\n{body}\n</table>\n</html>\n"
    )
