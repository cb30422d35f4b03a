"""Every option of every trick that has a folder, and what its contract is tested by.

All of it is read: options from the folders, the baseline's from `config.yaml`, what an option
changes from the hooks that its class gives. A trick that needs more says so in its own test file,
by a literal `CONTRACT` with any of `changes` (parts of the fingerprint), `beside` (options of other
tricks), `network` ("pooled" for one that has pooling and a wide hidden layer, "tokens" for one of
tokens), `same` (options that the network of the contract has already) and `data` ("uneven" for
classes of different sizes).
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from hydra.utils import get_class

from darkmagic.sweeps import conf
from darkmagic.trainers.trick import Trick

__all__ = ["ADDED", "BASE", "OPTIONS", "PLAIN", "contract", "expected_changes"]

CONF = Path(str(conf.__file__)).parent
OPTIONS = sorted((p.parent.name, p.stem) for p in (CONF / "trick").glob("*/*.yaml"))
BASE = {
    group.removeprefix("trick/"): str(option)
    for line in yaml.safe_load((CONF / "config.yaml").read_text())["defaults"]
    if isinstance(line, dict)
    for group, option in line.items()
    if group.startswith("trick/")
}
ADDED = {trick for trick, _ in OPTIONS} - BASE.keys()
"""Tricks that a configuration has only where they are asked for."""
PARTS = {
    "edit_recipe": "numbers",
    "edit_model": "update",
    "edit_param_groups": "update",
    "build_optimizer": "update",
    "fit_scaling": "batches",
    "epoch_order": "order",
    "image_repeats": "batches",
    "image_chances": "batches",
    "class_weights": "loss",
    "crop_training": "batches",
    "crop_validation": "validation",
    "augment": "batches",
    "resize": "batches",
    "transform_batch": "batches",
    "loss": "loss",
    "extra_loss": "loss",
    "lr_factor": "lr",
    "weight_decay_factor": "weight_decay",
    "transform_gradients": "beside_steps",
    "average": "beside_steps",
    "should_stop": "beside_steps",
}
"""The part of a fingerprint in which a hook shows."""


@functools.cache
def target(trick: str, option: str) -> str:
    """Return the dotted name of the class that an option's file names."""
    node = yaml.safe_load((CONF / "trick" / trick / f"{option}.yaml").read_text())
    return str(node["_target_"])


def _plain(trick: str) -> str | None:
    """Return the option that does nothing, or else the first of a checklist; None without."""
    if trick in BASE:
        return BASE[trick]
    nothing = f"{Trick.__module__}.{Trick.__name__}"
    for name, option in OPTIONS:
        if name == trick and target(trick, option) == nothing:
            return option
    for path in sorted((CONF / "checklist").glob("*.yaml")):
        for row in yaml.safe_load(path.read_text())["tricks"]:
            if row["name"] == trick:
                return str(row["options"][0])
    return None


PLAIN = {trick: _plain(trick) for trick, _ in OPTIONS}
"""The option beside which the others of a trick are compared."""


@functools.cache
def contract(trick: str) -> dict[str, Any]:
    """Return the literal `CONTRACT` of the trick's own test file; empty where it has none."""
    path = Path(__file__).parent / "tricks" / f"test_{trick}.py"
    for node in ast.parse(path.read_text()).body if path.exists() else ():
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CONTRACT":
            found: dict[str, Any] = ast.literal_eval(node.value)
            return found
    return {}


def expected_changes(trick: str, option: str) -> set[str]:
    """Return the parts of the fingerprint that the option is to change."""
    changes: Sequence[str] | None = contract(trick).get("changes")
    if changes is not None:
        return set(changes)
    kind = get_class(target(trick, option))
    return {part for hook, part in PARTS.items() if getattr(kind, hook) is not getattr(Trick, hook)}
