"""Reader of a `checklist` node of the configuration: the domain's `Checklist`."""

from __future__ import annotations

from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, OmegaConf

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.sweeps.compose.groups import OFF, trick_names
from darkmagic.sweeps.compose.session import compose, group_options

__all__ = ["read_checklist"]

EXAMPLE = "{name: mixup, section: regularisation, options: ['off', 'on']}"


def read_checklist(loader: ConfigLoader, node: DictConfig) -> Checklist:
    """Return the checklist that `node` describes, each option checked to have a file.

    `off` needs no file: a trick without a file of that name is left out of the trial. The tricks
    of the checklist that it `extends`, if any, come first.

    Raises `UserError` for a row that cannot be read, and for a trick or an option without a file.
    """
    content = OmegaConf.to_container(node, resolve=True)
    if not isinstance(content, dict) or "name" not in content:
        raise UserError("checklist has no name; give it as checklist.name=mine")
    name = str(content["name"])
    tricks = list(_extended(loader, name, content.get("extends")))
    for line in _rows(name, content.get("tricks")):
        trick = str(line["name"])
        if trick not in trick_names(loader):
            raise UserError(
                f"checklist {name!r} names trick {trick!r}, which has no folder under trick/; "
                + nearest(trick, trick_names(loader))
            )
        options = tuple(str(option) for option in line["options"])
        known = group_options(loader, f"trick/{trick}")
        for option in options:
            if option not in known and option != OFF:
                raise UserError(
                    f"checklist {name!r}: trick {trick!r} has no option {option!r}; "
                    + nearest(option, known)
                )
        vanilla = line.get("vanilla")
        tricks.append(
            Trick(trick, str(line["section"]), options, None if vanilla is None else str(vanilla))
        )
    return Checklist(name, tuple(tricks))


def _rows(name: str, rows: Any) -> list[dict[str, Any]]:
    """Return the rows of a checklist, each of which has its keys."""
    listed = rows if isinstance(rows, list) else [rows]
    for row in listed:
        is_mapping = isinstance(row, dict) and row.keys() >= {"name", "section", "options"}
        if not is_mapping or not isinstance(row["options"], list):
            raise UserError(f"checklist {name!r}: cannot read the row {row!r}; write {EXAMPLE}")
    return listed


def _extended(loader: ConfigLoader, name: str, other: Any) -> tuple[Trick, ...]:
    if other is None:
        return ()
    known = group_options(loader, "checklist")
    if other not in known:
        raise UserError(
            f"checklist {name!r} extends {other!r}, which there is not; "
            + nearest(str(other), known)
        )
    return read_checklist(loader, compose(loader, [f"checklist={other}"]).checklist).tricks
