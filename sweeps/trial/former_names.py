"""Former names of tricks' classes and fields, which identities are still made of.

A trial's identity is a hash of its configuration. It is computed from the former names, with
which an experiment may have started, so that no trial of it is trained again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["current_field", "current_node", "former_node"]

PACKAGE = "darkmagic.trainers.tricks."


@dataclass(frozen=True)
class Former:
    """What a class was called, and its fields: from today's name to the former ones.

    A pair was two fields, or one whose upper end was always 1. The numbers are the former
    fields' defaults.
    """

    target: str = ""
    fields: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


FORMER: Mapping[str, Former] = {
    "augmentation.Blur": Former(fields={"sigma": {"least": 0.1, "most": 2.0}}),
    "augmentation.ColourShift": Former(fields={"max_shift": {"most": 25.0}}),
    "augmentation.RandomCrops": Former(fields={"scale": {"area": 0.5}}),
    "blurpool.BlurPool": Former("blurpool.Blur"),
    "convolution.Convolution": Former("convolution.DepthwiseSeparable"),
    "cutout.Cutout": Former(fields={"reference_size": {"of": 32}}),
    "input_geometry.InputGeometry": Former(fields={"scale": {"min_area": None}}),
    "pretrain.Pretrain": Former("pretrain.Pretrained"),
    "random_erasing.RandomErasing": Former(
        fields={
            "scale": {"least": 0.02, "most": 0.33},
            "ratio": {"flattest": 0.3, "tallest": 3.3},
        }
    ),
    "scheduled_weight_decay.ScheduledWeightDecay": Former(
        "scheduled_weight_decay.LinearWeightDecay"
    ),
}
"""By today's name within `darkmagic.trainers.tricks`."""


def former_node(node: Any) -> Any:
    """Return the configuration of a trick, `node`, under the names that identities are made of.

    A value that they could not express, such as an upper end below 1, keeps today's names.
    """
    former = _former(node)
    if former is None:
        return node
    renamed = {}
    for name, value in node.items():
        names = list(former.fields.get(name, ()))
        if name == "_target_" and former.target:
            renamed[name] = PACKAGE + former.target
        elif len(names) == 2 and _is_pair(value):
            renamed.update(zip(names, value, strict=True))
        elif len(names) == 1 and not _is_pair(value):
            renamed[names[0]] = value
        elif len(names) == 1 and value[1] == 1:
            renamed[names[0]] = value[0]
        else:
            renamed[name] = value
    return renamed


def current_node(node: Any) -> Any:
    """Return the configuration of a trick, `node`, with the fields that its class has today.

    This is for the configurations that finished trials have left.
    """
    former = _former(node)
    if former is None:
        return node
    renamed = dict(node)
    for name, defaults in former.fields.items():
        if not set(defaults) & set(node):
            continue
        values = [renamed.pop(old, default) for old, default in defaults.items()]
        if name == "scale" and len(values) == 1 and values[0] is not None:
            values.append(1.0)
        renamed[name] = values[0] if len(values) == 1 else values
    return renamed


def current_field(target: str, name: str) -> str | None:
    """Return what the field `name` of the class `target` is called today; None if it never was."""
    former = _former({"_target_": target})
    found = former.fields.items() if former is not None else ()
    return next((today for today, defaults in found if name in defaults), None)


def _former(node: Any) -> Former | None:
    if not isinstance(node, Mapping):
        return None
    target = str(node.get("_target_", ""))
    return FORMER.get(target.removeprefix(PACKAGE)) if target.startswith(PACKAGE) else None


def _is_pair(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 2
