"""What people call their columns: metrics, trials, seeds, states, steps, means."""

from __future__ import annotations

import re
from collections.abc import Iterable

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.metric import Direction

__all__ = ["baseline_names", "direction_of", "says_direction"]

LOWER = re.compile(
    r"loss|\berrs?\b|\berrors?\b|rmse|\bmse|mae\b|mape|nll|perplexity|ppl|bpb|bpc|\bbits|\bnats"
    r"|entropy|\bwer\b|\bcer\b|\bfid\b|lpips|\bece\b|calibration|brier|regret|latency|seconds"
    r"|\btime\b|runtime|duration|memory|bytes|flops|params|cost|distance|divergence|\bkl\b"
)
"""Words of metrics of which less is better, in lower case with spaces between."""
HIGHER = re.compile(
    r"\bacc|accuracy|correct|top ?[15]\b|auc|auroc|f1\b|\bm?ap\b|\bm?ap ?\d+|precision|recall|iou"
    r"|dice|bleu|rouge|meteor|\br2\b|psnr|ssim|score|reward|\breturn|win ?rate|throughput|\bper s"
    r"|kappa|\bmcc\b|ndcg|\bmrr\b|\bhits?\b|spearman|pearson|correlation"
)
"""Words of metrics of which more is better."""
TRIALS = (
    "trial",
    "variant",
    "method",
    "model",
    "recipe",
    "config",
    "condition",
    "arm",
    "group",
    "experiment",
    "setting",
    "option",
    "name",
    "run_name",
    "run",
    "tags.mlflow.runname",
)
"""Names of columns that say what was run, the likeliest first."""
SEEDS = re.compile(r"(.*[ _-])?(seed|fold|replicate|rep|repeat)([ _-]?(id|no|number|idx|index))?")
FOLDS = re.compile(r"(.*[ _-])?fold([ _-]?(id|no|number|idx|index))?")
"""Those of them that say which part of the data a run was validated on."""
STATUSES = ("status", "state", "outcome")
STEPS = ("epoch", "step", "global_step", "_step", "iteration", "iter", "round")
MEANS = re.compile(r"\bmean\b|\baverage\b|\bavg\b|^mu$|^mean[_ ]|[_ ]mean$")
SDS = re.compile(r"standard dev|\bstd|stddev|std$|\bsd\b|_sd$|\bs\.d\.|sigma")
COUNTS = re.compile(r"^n$|^n_?(runs|seeds|trials|repeats)$|^#?_?(runs|seeds|repeats|count)$")
BASELINES = ("baseline", "base", "control", "reference", "default", "vanilla", "none")
UNIQUE = re.compile(
    r"(run)?_?(id|uuid|number|created.*|start.*|end.*|timestamp|date|user|notes|url|path)"
)


def direction_of(metric: str) -> Direction:
    """Return which way a metric of that name is better; raise `UserError` where it does not say.

    >>> direction_of("val/loss").value, direction_of("test_acc").value
    ('min', 'max')
    """
    lower, higher = _lower_or_higher(metric)
    if lower == higher:
        raise UserError(
            f"is {metric!r} better when it is higher or lower? Say so: --direction max or "
            "--direction min"
        )
    return Direction.MIN if lower else Direction.MAX


def says_direction(name: str) -> bool:
    """Whether a column has a name of metrics.

    >>> says_direction("val_acc"), says_direction("lr")
    (True, False)
    """
    lower, higher = _lower_or_higher(name)
    return lower != higher


def _lower_or_higher(name: str) -> tuple[bool, bool]:
    words = " ".join(re.split(r"[\W_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()))
    return bool(LOWER.search(words)), bool(HIGHER.search(words))


def baseline_names(names: Iterable[str]) -> list[str]:
    """Return those of `names` that are what people call a baseline, the plainest word first."""
    known = list(names)
    return [name for word in BASELINES for name in known if name.lower() == word]
