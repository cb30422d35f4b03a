"""Lists of checklists and tricks: `darkmagic checklist list` and `darkmagic tricks`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from darkmagic.checklist.model import Checklist
from darkmagic.sweeps.compose.checklist_config import read_checklist
from darkmagic.sweeps.compose.groups import TrickCard, trick_card, trick_names
from darkmagic.sweeps.compose.session import compose, group_options, hydra_session

__all__ = ["checklists", "trick_cards"]


def checklists(config_dirs: Sequence[Path] = ()) -> list[Checklist]:
    """Return every checklist that has a file, ours and the user's.

    >>> [checklist.name for checklist in checklists()]
    ['article', 'article_extended', 'classic', 'modern', 'transfer', 'transformer']
    """
    with hydra_session(config_dirs) as hydra:
        loader = hydra.config_loader
        names = group_options(loader, "checklist")
        return [
            read_checklist(loader, compose(loader, [f"checklist={name}"]).get("checklist"), [name])
            for name in names
        ]


def trick_cards(config_dirs: Sequence[Path] = (), name: str | None = None) -> list[TrickCard]:
    """Return the cards of all tricks, or of the one called `name`.

    Raises `UserError` if there is no such trick.

    >>> [card] = trick_cards(name="mixup")
    >>> card.name
    'mixup'
    """
    with hydra_session(config_dirs) as hydra:
        loader = hydra.config_loader
        names = [name] if name is not None else trick_names(loader)
        return [trick_card(loader, each) for each in names]
