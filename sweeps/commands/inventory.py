"""Lists of checklists and tricks: `darkmagic checklist list` and `darkmagic tricks`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf, open_dict

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Checklist
from darkmagic.checklist.report.writers.network import NetworkRow
from darkmagic.sweeps.compose.checklist_config import read_checklist
from darkmagic.sweeps.compose.groups import TrickCard, read_option, trick_card, trick_names
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.request import split_request
from darkmagic.sweeps.compose.session import compose, group_options, hydra_session
from darkmagic.sweeps.launch.devices import CPU, make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import answer
from darkmagic.sweeps.launch.local.stall import LONGER, patience
from darkmagic.sweeps.trial.identity import fields_of, resolve

__all__ = ["checklists", "trick_cards", "tricks_on"]


def checklists(config_dirs: Sequence[Path] = ()) -> list[Checklist]:
    """Return every checklist that has a file, ours and the user's.

    >>> [checklist.name for checklist in checklists()]
    ['article', 'article_extended', 'classic', 'hysts', 'modern', 'transfer', 'transformer']
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


def tricks_on(
    overrides: Sequence[str], config_dirs: Sequence[Path] = ()
) -> tuple[str, list[NetworkRow]]:
    """Return the name of the model that `overrides` choose, and what each option does to it.

    The options are those of the checklist among `overrides`; of all tricks without one. Each
    is tried alone, on a CPU, and nothing is trained, so that what is asked of a sweep, such as a
    budget, does not matter. Raises `UserError` for an override that cannot be used, and where the
    network cannot be built.
    """
    overrides, _ = split_request(overrides)
    with hydra_session(config_dirs) as hydra:
        loader = hydra.config_loader
        config = check_overrides(loader, overrides).config
        fork_server.warm_up()
        if any(override.startswith(("checklist=", "checklist.")) for override in overrides):
            listed = read_checklist(loader, config.checklist, [])
            options = {trick.name: trick.options for trick in listed.tricks}
        else:
            names = trick_names(loader)
            options = {name: tuple(group_options(loader, f"trick/{name}")) for name in names}
        nodes: dict[str, Any] = {}
        for trick, named in options.items():
            for option in set(named) & set(group_options(loader, f"trick/{trick}")):
                with open_dict(config):
                    config.tricks[trick] = read_option(loader, trick, option)
                node = OmegaConf.to_container(config.tricks[trick], resolve=True)
                nodes[f"{trick}={option}"] = fields_of(node)
        resolved = {**resolve(config), "tricks": {}}
    order = [f"{trick}={option}" for trick, named in options.items() for option in named]
    lease = make_leases(CPU, 1)[0]
    nodes = {name: nodes[name] for name in order if name in nodes}
    job = fork_server.start(_survey, resolved, nodes, env=lease.env, threads=lease.threads)
    seconds = patience(config.hydra.launcher, trials=len(nodes))
    found = answer(job, "trying each trick", seconds, LONGER)
    if isinstance(found, str):
        raise UserError(found)
    rows = dict(zip(nodes, found, strict=True))
    return str(resolved["model"]["name"]), [NetworkRow(name, **row) for name, row in rows.items()]


_TRAINED_FIRST = (
    "a sweep trains these weights first, and nothing is trained here; with model.pretrained=FILE "
    "they are tried"
)


def _survey(resolved: dict[str, Any], nodes: Mapping[str, Any]) -> list[dict[str, Any]] | str:
    """Return the effects of the options that `nodes` configure, or why there are none."""
    import dataclasses

    from hydra.utils import instantiate

    from darkmagic.sweeps.trial.former_names import current_node
    from darkmagic.sweeps.trial.run import make_recipe
    from darkmagic.trainers.data.assembly.usable import refuse_unusable
    from darkmagic.trainers.errors import own_error, short_message
    from darkmagic.trainers.prepare.load_data import load_data
    from darkmagic.trainers.prepare.survey import Effect, survey
    from darkmagic.trainers.trick import NotApplicable, TrialSkipped

    try:
        recipe = make_recipe(resolved)
        data = load_data(recipe)
        refuse_unusable(data)
        tried = {name: node for name, node in nodes.items() if node.get("weights") != "upstream"}
        tricks = {name: instantiate(current_node(node)) for name, node in tried.items()}
        effects = dict(zip(tricks, survey(recipe, data, tricks), strict=True))
        upstream = Effect("untried", reason=_TRAINED_FIRST)
        return [dataclasses.asdict(effects.get(name, upstream)) for name in nodes]
    except (NotApplicable, TrialSkipped, ValueError, OSError) as error:
        return short_message(error)
    except Exception as error:  # noqa: BLE001 (a user's network may raise anything)
        return own_error(error)
