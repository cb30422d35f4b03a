"""Which column of a table has the images, which the labels and which the splits."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

from darkmagic.text import printable
from darkmagic.trainers.data.image_files.layout import split_of
from darkmagic.trainers.data.image_files.scan import EXTENSIONS
from darkmagic.trainers.data.tables.read import Cell, Rows

__all__ = ["Columns", "find_columns", "is_flag"]

IMAGE_NAMES = (
    *("image", "file_name", "filename", "image_path", "filepath", "path", "file", "img"),
    *("image_id", "image_name", "img_path", "name", "id"),
)
LABEL_NAMES = (
    *("label", "labels", "class", "classes", "class_name", "category", "target", "y"),
    *("tag", "tags", "diagnosis", "species", "breed"),
)
GROUP_NAMES = re.compile(
    r"(patient|subject|participant|case|video|clip|session|group)"
    r"([ _-]?(id|no|nr|number|name))?",
    re.IGNORECASE,
)
"""Of columns that may say what several images are of."""
SPLIT_NAMES = ("split", "subset", "partition", "set", "phase", "fold")
YES, NO = {"1", "true", "yes"}, {"0", "-1", "false", "no", ""}
SAMPLE = 200
MIN_PATHS = 0.9  # of a sample, that look like names of images
MAX_SHOWN = 12


@dataclass(frozen=True)
class Columns:
    """Their names. Of several `labels`, each column says of one label which images have it.

    `doubts` are sentences on columns that may be meant and are not used. No two splits or folds
    share a value of `group`.
    """

    image: str
    labels: tuple[str, ...]
    split: str | None
    doubts: tuple[str, ...] = ()
    group: str | None = None


def find_columns(
    rows: Rows,
    image: str | None = None,
    label: str | Sequence[str] | None = None,
    split: str | None = None,
    group: str | None = None,
) -> Columns:
    """Return the columns as they are named, or guessed where they are not.

    Raises `ValueError`, one line with what to set, where nothing or more than one thing fits.
    """
    found_image = _named(rows, image, "image") if image else _image(rows)
    if not image and _extension(found_image) in EXTENSIONS:
        raise ValueError(
            f"the first line has no names of columns, as {found_image!r} in it is an image: put a "
            "line above it, such as image,label"
        )
    found_split, doubt = _split(rows, found_image)
    if split:
        found_split, doubt = _named(rows, split, "split"), ""
    if group:
        _named(rows, group, "group")
    if label:
        names = label.split(",") if isinstance(label, str) and label not in rows.columns else label
        several = [names] if isinstance(names, str) else list(names)
        labels = tuple(_named(rows, each.strip(), "label") for each in several)
    else:
        left_aside = _split_name(rows, found_image) if doubt else None
        taken = {found_image, found_split, left_aside, group}
        labels = _labels(rows, taken, {name for name in rows.columns if _groups(rows, name)})
    doubts = [doubt] if doubt else []
    if not group:
        free = set(rows.columns) - {found_image, found_split, *labels}
        doubts += [
            f"column {printable(name)!r} is not used: where several images of one are alike, "
            f"dataset.source.group={printable(name)} keeps them in one split or fold"
            for name in rows.columns
            if name in free and _groups(rows, name)
        ]
    return Columns(found_image, labels, found_split, tuple(doubts), group)


def _groups(rows: Rows, name: str) -> bool:
    """Whether a column may say what several images are of."""
    cells = [cell for cell in rows.column(name) if isinstance(cell, str) and cell]
    return bool(GROUP_NAMES.fullmatch(name.strip())) and 2 <= len({*cells}) <= len(cells) / 2


def _named(rows: Rows, name: str, field: str) -> str:
    if name not in rows.columns:
        raise ValueError(
            f"no column {printable(name)!r} (dataset.source.{field}); choose from: {_listed(rows)}"
        )
    return name


def _listed(rows: Rows) -> str:
    more = f" and {len(rows.columns) - MAX_SHOWN} more" if len(rows.columns) > MAX_SHOWN else ""
    return ", ".join(rows.columns[:MAX_SHOWN]) + more


def _sample(rows: Rows, name: str) -> list[Cell]:
    cells = [cell for cell in rows.column(name) if cell]
    return cells[:: max(1, len(cells) // SAMPLE)]


def _by_name(columns: Sequence[str], names: Sequence[str]) -> str | None:
    plain = {column.strip().lower().replace(" ", "_"): column for column in reversed(columns)}
    return next((plain[name] for name in names if name in plain), None)


def _extension(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def _image(rows: Rows) -> str:
    def looks(name: str) -> bool:
        cells = _sample(rows, name)
        images = [isinstance(cell, str) and _extension(cell) in EXTENSIONS for cell in cells]
        return bool(images) and sum(images) >= MIN_PATHS * len(images)

    likely = [name for name in rows.columns if looks(name)]
    if len(likely) == 1:
        return likely[0]
    chosen = _by_name(likely or rows.columns, IMAGE_NAMES)
    if chosen is not None:
        return chosen
    if len(rows.columns) == 1:
        raise ValueError(
            f"there is one column only, {rows.columns[0]!r}: if another character divides the "
            "columns, name it (dataset.source.delimiter)"
        )
    raise ValueError(
        f"which column names the images is not plain: set dataset.source.image; "
        f"choose from: {_listed(rows)}"
    )


def _split_name(rows: Rows, image: str) -> str | None:
    return _by_name([name for name in rows.columns if name != image], SPLIT_NAMES)


def _split(rows: Rows, image: str) -> tuple[str | None, str]:
    """Return the column of splits, and a doubt where one is left aside for some of its words."""
    chosen = _split_name(rows, image)
    if chosen is None:
        return None, ""
    cells = {cell for cell in rows.column(chosen) if isinstance(cell, str) and cell}
    unknown = sorted(cell for cell in cells if not split_of(cell))
    if not unknown or len(unknown) == len(cells):
        return (chosen if cells and not unknown else None), ""
    return None, (
        f"column {printable(chosen)!r} is not used, and splits are drawn: {printable(unknown[0])!r}"
        f" in it is none of train, val and test; dataset.source.split={printable(chosen)} uses it "
        "without those rows"
    )


def is_flag(cell: Cell) -> bool:
    """Whether a cell says yes or no of a label."""
    return isinstance(cell, str) and cell.lower() in YES | NO


def _labels(rows: Rows, taken: set[str | None], groups: set[str]) -> tuple[str, ...]:
    """Return the columns of labels; those of `groups` are some only where there are no others."""
    left = [name for name in rows.columns if name not in taken]
    chosen = _by_name(left, LABEL_NAMES)
    if chosen is not None:
        return (chosen,)
    left = [name for name in left if name not in groups] or left
    if len(left) == 1:
        return (left[0],)
    flags = [
        name for name in left if any(rows.column(name)) and all(map(is_flag, rows.column(name)))
    ]
    others = [name for name in left if name not in flags]
    if len(flags) > 1 and all(_is_index(rows, name) for name in others):
        return tuple(flags)
    indices = [name for name in left if _is_index(rows, name)]
    if len(left) - len(indices) == 1:
        return tuple(name for name in left if name not in indices)
    if not left:
        raise ValueError(f"no column of labels beside the images' ({_listed(rows)})")
    raise ValueError(
        f"which column has the labels is not plain: set dataset.source.label; choose from: "
        f"{', '.join(left[:MAX_SHOWN])}"
    )


def _is_index(rows: Rows, name: str) -> bool:
    """Whether a column numbers the rows: a whole number each, all different."""
    cells = rows.column(name)
    whole = all(isinstance(cell, str) and cell.isdecimal() for cell in cells)
    return whole and len({str(cell) for cell in cells}) == len(cells) > 2
