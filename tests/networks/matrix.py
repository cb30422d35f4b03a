# ruff: noqa: E402 (run as a file, it has to say first where its neighbours are)
"""Every network of the zoo against every option that edits an architecture.

`python tests/networks/matrix.py` makes `docs/networks.csv`, a line a cell, and the table in
`docs/networks.md` anew, in minutes; with names, the lines of those networks.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

REPO = Path(__file__).parents[2]
sys.path[:0] = [str(REPO / "tests" / name) for name in ("networks", "faults", "trainers")]

import torch
import yaml
from hydra.utils import get_class, instantiate

from darkmagic.sweeps.compose.config_files import REMARKS
from darkmagic.sweeps.trial.identity import fields_of
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.prepare.survey import Effect, survey
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import EditStage, Trick
from every_option import CONF, OPTIONS, target
from zoo import SIZE, ZOO

__all__ = ["CSV", "architecture_options", "cells_of", "read_cells", "untouched"]

CSV = REPO / "docs" / "networks.csv"
PAGE = REPO / "docs" / "networks.md"
MARKS = ("<!-- matrix -->", "<!-- end of matrix -->")
COLUMNS = ("network", "option", "applies", "places", "weights", "same_output", "reason")
OF_WEIGHTS = ("pretrain", "transfer")
"""Tricks that need weights from elsewhere."""
Cells = dict[str, Effect]


def architecture_options() -> dict[str, Trick]:
    """Return the options that edit a network."""
    found = {}
    for trick, option in OPTIONS:
        edits = get_class(target(trick, option)).edit_model is not Trick.edit_model
        if edits and trick not in OF_WEIGHTS:
            path = CONF / "trick" / trick / f"{option}.yaml"
            node = fields_of(yaml.safe_load(path.read_text()))
            fields = {key: value for key, value in node.items() if key not in REMARKS}
            built: Trick = instantiate(fields)
            if built.edit_stage is not EditStage.CHECK:
                found[f"{trick}={option}"] = built
    return found


def cells_of(name: str, options: Mapping[str, Trick]) -> Cells:
    """Return what each of `options` does to the network `name` of the zoo."""
    data = Shapes(count=16, size=SIZE)
    recipe = Recipe(data, partial(ZOO[name]), {}, epochs=1, batch_size=8, device="cpu")
    return dict(zip(options, survey(recipe, data.load(0), options), strict=True))


def untouched(cell: Effect) -> bool:
    """Whether the option leaves the network as it is, since it is so already."""
    return cell.reason == "the network is so already"


def line(name: str, option: str, cell: Effect) -> tuple[str, ...]:
    """Return the cell's texts, in the order of `COLUMNS`."""
    share = "" if cell.weights is None else f"{100 * cell.weights:.0f} %"
    same = {None: "", True: "yes", False: "no"}[cell.same_output]
    applies = "as it is" if untouched(cell) else cell.applies
    reason = "" if untouched(cell) else cell.reason
    return name, option, applies, cell.places, share, same, reason


def read_cells() -> dict[tuple[str, str], tuple[str, ...]]:
    """Return the committed lines by network and option."""
    with CSV.open(newline="") as file:
        return {(row[0], row[1]): tuple(row) for row in list(csv.reader(file))[1:]}


def write(lines: Mapping[tuple[str, str], Sequence[str]]) -> None:
    """Write the cells, and the page's table of them."""
    with CSV.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([COLUMNS, *lines.values()])
    before, _, rest = PAGE.read_text().partition(MARKS[0])
    after = rest.partition(MARKS[1])[2]
    PAGE.write_text("\n".join([before + MARKS[0], *_table(lines), MARKS[1] + after]))


def _table(lines: Mapping[tuple[str, str], Sequence[str]]) -> Iterable[str]:
    tricks = list(dict.fromkeys(option.partition("=")[0] for _, option in lines))
    yield "| network | " + " | ".join(trick.replace("_", " ") for trick in tricks) + " |"
    yield "|---|" + "---|" * len(tricks)
    for name in dict.fromkeys(name for name, _ in lines):
        rows = [row for (network, _), row in lines.items() if network == name]
        cells = [_summary([row for row in rows if row[1].startswith(f"{t}=")]) for t in tricks]
        yield f"| {name} | " + " | ".join(cells) + " |"


def _summary(rows: Sequence[Sequence[str]]) -> str:
    """Return one cell for the options of a trick: of those that edit, the first."""
    edits = [row for row in rows if row[2] == "yes"]
    if not edits:
        return "fails" if any(row[2] == "fails" for row in rows) else "no"
    _, _, _, places, share, same, _ = edits[0]
    number = places.removesuffix("s").removesuffix(" place")
    return f"{number}{' =' if same == 'yes' else ''} {share}".strip()


def main(names: Sequence[str]) -> None:
    """Make the cells of `names`, or of all, anew."""
    torch.set_num_threads(1)
    options = architecture_options()
    lines: dict[tuple[str, str], tuple[str, ...]] = {}
    old = read_cells() if CSV.exists() else {}
    for name in ZOO:
        if names and name not in names:
            lines |= {key: row for key, row in old.items() if key[0] == name}
            continue
        for option, cell in cells_of(name, options).items():
            lines[name, option] = line(name, option, cell)
        print(name, flush=True)
    write(lines)


if __name__ == "__main__":
    main(sys.argv[1:])
