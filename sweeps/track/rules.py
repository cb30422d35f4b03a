"""Rules of the verdicts, from the configuration and from the tag of a sweep."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.metric import ACCURACY, Direction, Metric
from darkmagic.checklist.plan import Retune
from darkmagic.sweeps.trial.command.node import is_command, metric_of
from darkmagic.sweeps.trial.paths import OF_COMMAND

if TYPE_CHECKING:
    from omegaconf import DictConfig

__all__ = ["METRICS", "metric_name", "parse_rules", "read_rules"]

_PERCENT: dict[str, Any] = {"unit": "%", "scale": 100.0}
METRICS = {
    "accuracy": ACCURACY,
    "balanced_accuracy": Metric("balanced validation accuracy", **_PERCENT, short="val balanced"),
    "macro_f1": Metric("validation macro F1", **_PERCENT, short="val macro F1"),
    "top5": Metric("validation top-5 accuracy", **_PERCENT, short="val top-5"),
    "auroc": Metric("validation AUROC", **_PERCENT, short="val AUROC"),
    "map": Metric("validation mean average precision", **_PERCENT, short="val mAP"),
    "loss": Metric(
        "validation cross-entropy",
        unit="nats",
        direction=Direction.MIN,
        decimals=4,
        short="val loss,",
    ),
}
"""What decides, by its name in the configuration."""


def read_rules(config: DictConfig) -> Rules:
    """Return the rules that `config` fixes, whose values are checked when it is composed."""
    if is_command(config):
        return Rules(min_effect=float(config.min_effect), metric=metric_of(config.trainer))
    floor = None if config.floor is None else float(config.floor)
    metric = METRICS[str(config.metric)]
    return Rules(
        min_effect=_smallest(metric) if config.min_effect is None else float(config.min_effect),
        floor=floor,
        retune=Retune(config.retune),
        metric=metric,
        overlap=1 / (config.folds - 1) if config.folds else 0.0,
    )


def _smallest(metric: Metric) -> float:
    """Return what matters where nothing was said: a tenth of a point; of a loss, anything."""
    return Rules().min_effect if metric.unit == "%" else 0.0


def metric_name(rules: Rules) -> str:
    """Return what the metric that decides is called in results, and in the configuration."""
    for name, metric in METRICS.items():
        if (metric.name, metric.unit) == (rules.metric.name, rules.metric.unit):
            return name
    return OF_COMMAND


def parse_rules(text: str | None, *, race: bool = False) -> Rules:
    """Return the rules in a sweep's tag, JSON; the defaults if it has none."""
    fields = {**json.loads(text or "{}"), "race": race}
    if "metric" in fields:
        fields["metric"] = Metric.from_dict(fields["metric"])
    return Rules(**{**fields, "retune": Retune(fields.get("retune", Retune.NONE))})
