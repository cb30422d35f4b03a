"""The data sets in a repository: images in folders or shards, tables, Hugging Face's on disk."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from darkmagic.sweeps.starting.found import FoundData, described
from darkmagic.sweeps.starting.shards import look_at_shards
from darkmagic.trainers.data.image_files.layout import find_layout
from darkmagic.trainers.data.image_files.scan import (
    has_images,
    loose_images,
    scan_folder,
    subfolders,
)
from darkmagic.trainers.data.tables.columns import find_columns
from darkmagic.trainers.data.tables.labels import read_labels
from darkmagic.trainers.data.tables.paths import find_files
from darkmagic.trainers.data.tables.read import EXTENSIONS, read_rows

__all__ = ["find_data", "look_at"]

DEPTH = 3
"""Levels of folders that are looked into."""
MAX_TABLES, MAX_BYTES = 20, 2**26
"""Tables that are read, and the largest."""
LEFT_OUT = {"runs", "mlruns", "node_modules", "site-packages", "dist", "build", "outputs", "wandb"}
NO_DATA = (("pyvenv.cfg",), ("report.html", "report.json"), ("config.yaml", "events.jsonl"))
"""Files by which a folder is an environment, an experiment or a trial of ours, or a judged one."""
TABLES = set(EXTENSIONS) - {".txt"}


def find_data(root: Path) -> list[FoundData]:
    """Return the data sets below `root` that can be used, and tables that nearly can.

    A folder within one that is a data set is none of its own; neither is the folder of images that
    a table is about.
    """
    folders = list(_folders(root))
    tables = [found for path in _tables(folders) if (found := look_at(path)) is not None]
    usable = [found for found in tables if not found.why]
    taken = [Path(found.fields["root"] or found.path.parent) for found in usable]
    sets = [*usable]
    for folder in folders:
        inside = any(folder != each and folder.is_relative_to(each) for each in taken)
        if inside or folder in taken:
            continue
        seen = look_at(folder)
        if seen is not None and not seen.why:
            sets.append(seen)
            taken.append(folder)
    return sets or [found for found in tables if found.why]


def look_at(path: Path, **columns: str | None) -> FoundData | None:
    """Return the data set at `path`, a file or a folder; None where there is nothing like one.

    `columns` are those of a table that are named. Imports no torch.
    """
    if path.is_file():
        return look_at_shards(path) if path.suffix == ".tar" else _look_at_table(path, columns)
    if (path / "dataset_dict.json").is_file() or (path / "state.json").is_file():
        return FoundData("huggingface", path, {"path": str(path)}, 0, ())
    return (_look_at_folder(path) or look_at_shards(path)) if path.is_dir() else None


def _folders(root: Path, depth: int = DEPTH) -> Iterator[Path]:
    yield root
    if depth:
        for name in subfolders(root):
            child = root / name
            inner = not child.is_symlink() and not any(
                all((child / file).exists() for file in files) for files in NO_DATA
            )
            if name not in LEFT_OUT and inner:
                yield from _folders(child, depth - 1)


def _tables(folders: Sequence[Path]) -> list[Path]:
    found = []
    for folder in folders:
        for name in sorted(os.listdir(folder)):  # noqa: PTH208 (names are enough)
            path = folder / name
            table = path.suffix.lower() in TABLES and not name.startswith(".")
            if table and path.is_file() and path.stat().st_size <= MAX_BYTES:
                found.append(path)
    return found[:MAX_TABLES]


def _look_at_folder(path: Path) -> FoundData | None:
    try:
        layout = find_layout(path)
    except ValueError:
        return None
    whole = layout.folders.get("all")
    train = whole or layout.folders["train"]
    classes = [name for name in subfolders(train) if has_images(train / name)]
    nested = not any(loose_images(train / name) for name in classes)  # each a set of its own
    if len(classes) < 2 or nested or (whole is not None and _is_code(path)):
        return None
    files: list[str] = []
    counts = {}
    for name in classes:
        own = scan_folder(train / name).files
        counts[name] = len(own)
        files += own
    splits = [] if whole is not None else [f"{s} in {f.name}/" for s, f in layout.folders.items()]
    notes = [f"splits: {', '.join(splits)}"] if splits else []
    return described("folder", path, {"root": str(path)}, files, counts, notes)


def _is_code(path: Path) -> bool:
    """Whether a folder is a repository's own, whose folders with pictures are no classes."""
    marks = ("pyproject.toml", "setup.py", "README.md", "requirements.txt", ".git", "package.json")
    return any((path / mark).exists() for mark in marks) or any(path.glob("*.py"))


def _look_at_table(path: Path, named: dict[str, str | None]) -> FoundData | None:
    chosen = {name: value for name, value in named.items() if value}
    root = chosen.pop("root", None)
    separator = chosen.pop("separator", None)
    fields: dict[str, Any] = {"file": str(path), "root": root, **chosen}
    if separator:
        fields["separator"] = separator
    try:
        rows = read_rows(path)
        columns = find_columns(rows, **chosen)
        names = [str(cell) for cell in rows.column(columns.image)]
        folder = Path(root) if root else path.parent
        files = find_files(names, rows.numbers, folder, leave_out=False)
        labels = read_labels(rows, columns, separator)
    except (ValueError, OSError) as error:
        return FoundData("table", path, fields, 0, (), why=str(error))
    counts = Counter(label for own in labels.of_row for label in own)
    fields.update(image=columns.image, label=",".join(columns.labels))
    if columns.split:
        fields["split"] = columns.split
    notes = [f"images: column {columns.image!r}; {labels.how}", *columns.doubts]
    unique = list(dict.fromkeys(file for file in files if file))
    return described("table", path, fields, unique, counts, notes, several=labels.several)
