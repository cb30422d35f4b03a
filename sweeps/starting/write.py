"""The YAML of a data set, and the command that goes on from there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.starting.found import SMALL, FoundData
from darkmagic.text import shell_line
from darkmagic.trainers.outputs.durable import write_file

__all__ = ["dataset_yaml", "next_overrides", "option_name", "write_option"]

MIN_STEPS = 20
"""Batches of an epoch, so that a small set is not over in a few updates."""


def option_name(found: FoundData) -> str:
    """Return what the data set is called: by its folder or file, in letters that Hydra takes."""
    is_file = found.option == "table" or found.path.suffix == ".tar"
    stem = found.path.stem if is_file else found.path.name
    if stem.lower() in ("data", "dataset", "datasets", "images", "labels", "train", ""):
        stem = found.path.absolute().parent.name or stem
    plain = re.sub(r"\W+", "_", stem, flags=re.ASCII).strip("_").lower()
    return plain if re.match(r"[a-z]", plain) else f"my_{plain or 'data'}"


def dataset_yaml(found: FoundData, name: str, here: Path) -> str:
    """Return the few lines that `dataset=NAME` reads; paths below `here` are from there."""
    fields = {key: _short(value, here) for key, value in found.fields.items() if value is not None}
    batch = min(128, max(8, 2 ** max(3, (found.images // MIN_STEPS).bit_length() - 1)))
    what = f"{found.images:,} images" if found.images else "images"
    labels = f" of {len(found.labels)} labels" if found.labels else ""
    content: dict[str, Any] = {
        "defaults": [found.option, "_self_"],
        "name": name,
        **({"batch_size": batch} if found.images else {}),
        "source": fields,
    }
    head = f"# Written by darkmagic init: {what}{labels}. Paths are from where commands run.\n"
    return head + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _short(value: Any, here: Path) -> Any:
    if not isinstance(value, str) or not Path(value).is_absolute():
        return value
    path = Path(value)
    return str(path.relative_to(here)) if path.is_relative_to(here) else value


def write_option(folder: Path, name: str, text: str, *, force: bool) -> Path:
    """Write the option `name` of `dataset` into a folder of configuration.

    Raises `UserError` where there is another file already.
    """
    path = folder / "dataset" / f"{name}.yaml"
    if path.exists() and path.read_text() != text and not force:
        raise UserError(
            f"{path} is there already, with other lines: --force overwrites it, --name writes "
            "another"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, lambda file: file.write(text.encode()))
    return path


def next_overrides(found: FoundData, name: str, folder: Path, chosen: Mapping[str, str]) -> str:
    """Return the words behind `darkmagic checklist run` that try the data set.

    `chosen` are a `metric` and a `model` that were asked for.
    """
    metric = chosen.get("metric") or ("map" if found.several else "")
    if not metric and found.uneven:
        metric = "balanced_accuracy"
    small = found.side is not None and found.side <= SMALL
    model = chosen.get("model") or ("resnet20" if small else "resnet18")
    words = ["-c", str(folder), f"dataset={name}", f"model={model}"]
    return shell_line([*words, *([f"metric={metric}"] if metric else []), "seeds=3"])
