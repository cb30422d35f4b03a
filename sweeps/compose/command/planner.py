"""Plans of a sweep whose trainer is a command: options are words of it, not objects of ours."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from darkmagic.checklist.model import Checklist, Trial, Trick
from darkmagic.checklist.plan import Baseline, with_baseline
from darkmagic.sweeps.compose.checklist_config import read_checklist
from darkmagic.sweeps.compose.checks.values import resolve_part
from darkmagic.sweeps.compose.parse_overrides import quote, without_groups
from darkmagic.sweeps.compose.plan import NO_CHECKLIST, Planner
from darkmagic.sweeps.trial.command.node import TRAINER, is_command, mapped_options

__all__ = ["CommandPlanner", "make_planner"]

CHOSEN = "trainer.chosen"


class CommandPlanner(Planner):
    """Makes plans as `Planner` does, of trials that differ in the words of a command.

    A trick's baseline option is its first one that the trainer maps. Options that it does not map
    are trials too, which end before they begin.
    """

    def __init__(self, loader: ConfigLoader, config: DictConfig, plain: Sequence[str]) -> None:
        """`config` is what `plain` composes to. Raises `UserError` as `Planner` does."""
        self._options = mapped_options(resolve_part(config, TRAINER))
        choice = str(config.hydra.runtime.choices["checklist"])
        also = {trick: tuple(options) for trick, options in self._options.items()}
        listed = read_checklist(loader, config.checklist, [choice], also=also)
        chosen = with_baseline(listed, Baseline.parse(config.baseline))
        self.checklist = mapped_first(chosen, also)
        self._common = [
            *without_groups(plain, {"checklist", "seed", "runtime.experiment", CHOSEN}),
            NO_CHECKLIST,
            f"runtime.experiment={quote(str(config.runtime.experiment))}",
        ]
        self.seeds_of = self._plan_seeds(config)

    def unmapped(self) -> list[tuple[str, str]]:
        """Return trick and option of what the checklist has and the trainer does not map."""
        return [
            (trick.name, option)
            for trick in self.checklist.tricks
            for option in trick.options[1:]
            if option not in self._options.get(trick.name, ())
        ]

    def _overrides(self, trial: Trial) -> tuple[str, ...]:
        chosen = [f"{trick}={option}" for trick, option in trial.choices.items()]
        return (
            *self._common,
            f"{CHOSEN}=[{','.join(map(quote, chosen))}]",
            f"seed={trial.seed}",
        )


def mapped_first(checklist: Checklist, options: Mapping[str, Collection[str]]) -> Checklist:
    """Return `checklist` with the first option that `options` have of each trick in front."""
    return dataclasses.replace(
        checklist,
        tricks=tuple(_reorder(trick, options.get(trick.name, ())) for trick in checklist.tricks),
    )


def _reorder(trick: Trick, mapped: Collection[str]) -> Trick:
    first = [option for option in trick.options if option in mapped][:1]
    rest = [option for option in trick.options if option not in first]
    return dataclasses.replace(trick, options=(*first, *rest))


def make_planner(
    loader: ConfigLoader, config: DictConfig, plain: Sequence[str], tricks: Sequence[str]
) -> Planner:
    """Return the planner that suits the trainer of `config`; see `Planner` for the arguments."""
    if is_command(config):
        return CommandPlanner(loader, config, plain)
    return Planner(loader, config, plain, tricks)
