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


def read_checklist(loader: ConfigLoader, node: DictConfig) -> Checklist:
    """Return the checklist that `node` describes, each option checked to have a file.

    `off` needs no file: a trick without a file of that name is left out of the trial. The tricks
    of the checklist that it `extends`, if any, come first.

    Raises `UserError` for a trick or an option that has no file.
    """
    content = OmegaConf.to_container(node, resolve=True)
    assert isinstance(content, dict)
    name = str(content["name"])
    tricks = list(_extended(loader, name, content.get("extends")))
    for line in content["tricks"]:
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
