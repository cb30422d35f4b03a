"""Checks of the overrides of a sweep whose trainer is a command."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.override_parser.types import Override
from omegaconf import DictConfig

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.compose.checks.values import resolve_part
from darkmagic.sweeps.trial.command.changes import read_change
from darkmagic.sweeps.trial.command.node import TRAINER, effective, is_command, mapped_options

__all__ = ["check_trainer", "refuse_loop_overrides", "refuse_without_trainer"]

LOOPS_OWN = ("dataset", "model", "trick/", "tricks.", "dataset.", "model.")


def refuse_without_trainer(overrides: Sequence[str]) -> None:
    """Raise `UserError` for an override of a trainer's key where no trainer is chosen."""
    keys = [override.lstrip("+~").partition("=")[0] for override in overrides]
    own = [key for key in keys if key.startswith("trainer.")]
    if own and TRAINER not in keys:
        raise UserError(f"{own[0]} is of a trainer; choose one too: trainer=command {own[0]}=...")


def refuse_loop_overrides(overrides: Sequence[Override]) -> None:
    """Raise `UserError` for one that says how our own loop trains, beside a trainer."""
    trainer = next((o.value() for o in overrides if o.key_or_group == TRAINER), None)
    if trainer is None:
        return
    for override in overrides:
        key = override.key_or_group
        if key in LOOPS_OWN or key.startswith(tuple(k for k in LOOPS_OWN if k[-1] in "/.")):
            raise UserError(
                f"{override.input_line!r} is of darkmagic's own loop, and trainer={trainer} trains "
                "by its command: write that into trainer.command, or into trainer.tricks to "
                "compare it"
            )


def check_trainer(config: DictConfig) -> None:
    """Raise `UserError` for a `trainer` node, if `config` has one, that cannot be used."""
    if not is_command(config):
        return
    for key, plain in {"retune": "none", "folds": None, "futility": None}.items():
        if config.get(key) != plain:
            raise UserError(
                f"{key}={config[key]} is of darkmagic's own loop; leave it out, and compare what "
                "the command's own words change"
            )
    node = resolve_part(config, TRAINER)
    effective({**node, "chosen": []})
    for trick, options in mapped_options(node).items():
        for option, value in options.items():
            read_change(value, f"trainer.tricks.{trick}.{option}")
