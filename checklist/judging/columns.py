"""Which column is what: the metric, the trial or its factors, the seed, how runs ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.judging.numbers import is_numeric
from darkmagic.checklist.judging.question import Question
from darkmagic.checklist.judging.table import RunTable, label, last_part
from darkmagic.checklist.metric import Direction

__all__ = ["Columns", "find_columns", "guess_direction"]

LOWER = re.compile(
    r"loss|err(or)?s?\b|_err\b|rmse|mse|mae|mape|nll|perplexity|ppl|bpb|bpc|bits|nats|entropy|wer\b"
    r"|cer\b|fid\b|lpips|ece\b|calibration|brier|regret|latency|seconds|time\b|runtime|duration"
    r"|memory|bytes|flops|params|cost|distance|divergence|kl\b"
)
HIGHER = re.compile(
    r"acc|correct|top.?[15]\b|auc|auroc|\bf1|f1\b|f.?score|\bm?ap\b|map_?\d*|precision|recall|iou|dice"
    r"|bleu|rouge|meteor|\br2\b|psnr|ssim|score|reward|return|win.?rate|throughput|per_s(ec)?|kappa"
    r"|mcc\b|ndcg|mrr\b|hit|spearman|pearson|correlation"
)
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
SEEDS = re.compile(r"(.*_)?(seed|fold|replicate|rep|repeat)(_?(id|no|number|idx|index))?")
STATUSES = ("status", "state", "outcome")
STEPS = ("epoch", "step", "global_step", "_step", "iteration", "iter", "round")
MEANS = re.compile(r"\bmean\b|\baverage\b|\bavg\b|^mu$|^mean[_ ]|[_ ]mean$")
SDS = re.compile(r"standard dev|\bstd|stddev|std$|\bsd\b|_sd$|\bs\.d\.|sigma|^σ")
COUNTS = re.compile(r"^n$|^n_?(runs|seeds|trials|repeats)$|^#?_?(runs|seeds|repeats|count)$")
BASELINES = ("baseline", "base", "control", "reference", "default", "vanilla", "none")
UNIQUE = re.compile(r"(run)?_?(id|uuid|created.*|start.*|end.*|timestamp|date|user|notes|url|path)")


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they are. `trials` are several where they are factors.

    `sd` and `count` are those of a table of means; `count` may be one number for all rows.
    """

    metric: str
    trials: tuple[str, ...]
    seed: str | None = None
    status: str | None = None
    step: str | None = None
    sd: str | None = None
    count: str | int | None = None

    def sentences(self) -> list[str]:
        """Return what each column was taken for, a phrase each."""
        trials = ", ".join(self.trials)
        found = [
            f"metric {self.metric}",
            f"{'factors' if len(self.trials) > 1 else 'trial'} {trials}",
            f"seed {self.seed}" if self.seed else "" if self.sd else "no seed: runs are unpaired",
            f"status {self.status}" if self.status else "",
            f"the last {self.step} of each run" if self.step else "",
            f"standard deviation {self.sd}" if self.sd else "",
            f"runs {self.count}" if self.count is not None else "",
        ]
        return [text for text in found if text]


def find_columns(table: RunTable, question: Question) -> Columns:
    """Return what the columns of `table` are: those that were named, the others by a guess.

    Raises `UserError` where that is not clear.
    """
    summary = _summary(table, question)
    metric = _metric(table, question, summary)
    seed = None if summary else _seed(table, question, metric)
    status = _status(table, question)
    step = None if summary else _step(table, question, metric, seed)
    taken = {c for c in (metric, seed, status, step, *(summary or ())) if isinstance(c, str)}
    trials = _trials(table, question, taken)
    sd, count = summary or (None, None)
    return Columns(metric, trials, seed, status, step, sd, count)


def guess_direction(table: RunTable, question: Question, metric: str) -> Direction:
    """Return which way the metric is better: as asked, as the source says, or by its name."""
    if question.direction is not None:
        return Direction.parse(question.direction)
    if "direction" in table.known:
        return Direction.parse(table.known["direction"])
    name = metric.lower().replace("/", "_").replace("-", "_").replace(".", "_").replace("_", " ")
    name = f"{name} {name.replace(' ', '_')}"
    lower, higher = LOWER.search(name), HIGHER.search(name)
    if bool(lower) == bool(higher):
        raise UserError(
            f"is {metric!r} better when it is higher or lower? Say so: --direction max or "
            "--direction min"
        )
    return Direction.MIN if lower else Direction.MAX


def baseline_names(names: Iterable[str]) -> list[str]:
    """Return those of `names` that are what people call a baseline."""
    return [name for word in BASELINES for name in names if name.lower() == word]


def _summary(table: RunTable, question: Question) -> tuple[str | None, str | int | None] | None:
    """Return the columns of a table of means: that of standard deviations, and of runs."""
    sd = table.find(question.sd, "--sd") if question.sd else None
    count = question.count
    if count is None:
        count = _by_pattern(table, COUNTS)
    elif not str(count).isdecimal():
        count = table.find(str(count), "--n")
    else:
        count = int(count)
    guessed = [c for c in table.columns if SDS.search(c.strip().lower())]
    guessed = [c for c in guessed if is_numeric(table.column(c))]
    mean = question.metric or _by_pattern(table, MEANS)
    if sd is None and mean is not None and guessed and (question.count or count is not None):
        sd = _sd_of(mean, guessed)
    if sd is None and not _has_plus_minus(table, question):
        return None
    if count is None:
        raise UserError(
            f"{table.source} has means with standard deviations; of how many runs is each? Say --n "
            "and a number, or a column"
        )
    return sd, count


def _sd_of(mean: str, found: Sequence[str]) -> str | None:
    """Return the column of standard deviations that is about the same as `mean`."""
    words = set(re.findall(r"\w+", mean.lower())) - {"mean", "average", "avg", "of"}
    ranked = sorted(found, key=lambda c: -len(words & set(re.findall(r"\w+", c.lower()))))
    if len(found) == 1 or words & set(re.findall(r"\w+", ranked[0].lower())):
        return ranked[0]
    return None


def _has_plus_minus(table: RunTable, question: Question) -> bool:
    if question.metric is None:
        return False
    cells = table.column(table.find(question.metric, "--metric"))
    return any(isinstance(c, str) and re.search(r"\d\s*(±|\+/?-|\\pm)\s*\.?\d", c) for c in cells)


def _by_pattern(table: RunTable, pattern: re.Pattern[str]) -> str | None:
    found = [c for c in table.columns if pattern.search(c.strip().lower())]
    numeric = [c for c in found if is_numeric(table.column(c))]
    return numeric[0] if numeric else None


def _metric(
    table: RunTable, question: Question, summary: tuple[str | None, str | int | None] | None
) -> str:
    if question.metric is not None:
        return table.find(question.metric, "--metric")
    if "metric" in table.known:
        return table.known["metric"]
    if summary and (mean := _by_pattern(table, MEANS)):
        return mean
    numeric = [
        c
        for c in table.columns
        if is_numeric(table.column(c))
        and not SEEDS.fullmatch(last_part(c))
        and last_part(c) not in STEPS
        and not UNIQUE.fullmatch(last_part(c))
        and c not in (table.settings or ())
        and c not in (summary or ())
    ]
    if len(numeric) == 1:
        return numeric[0]
    if not numeric:
        raise UserError(
            f"{table.source} has no column of numbers to judge by; its columns are "
            + ", ".join(table.columns[:12])
        )
    raise UserError(
        f"which column of {table.source} decides? Say --metric and one of "
        + ", ".join(numeric[:12])
        + (", ..." if len(numeric) > 12 else "")
    )


def _seed(table: RunTable, question: Question, metric: str) -> str | None:
    if question.seed is not None:
        if question.seed.lower() == "none" and question.seed not in table.columns:
            return None
        return table.find(question.seed, "--seed")
    if "seed" in table.known:
        return table.known["seed"]
    found = [c for c in table.columns if SEEDS.fullmatch(last_part(c)) and c != metric]
    found = [c for c in found if len(set(map(label, table.column(c)))) > 1]
    return min(found, key=lambda c: (last_part(c) != "seed", len(c)), default=None)


def _status(table: RunTable, question: Question) -> str | None:
    if question.status is not None:
        if question.status.lower() == "none" and question.status not in table.columns:
            return None
        return table.find(question.status, "--status")
    if "status" in table.known:
        return table.known["status"]
    return next((c for c in table.columns if last_part(c) in STATUSES), None)


def _step(table: RunTable, question: Question, metric: str, seed: str | None) -> str | None:
    if question.step is not None:
        if question.step.lower() == "none" and question.step not in table.columns:
            return None
        return table.find(question.step, "--step")
    if "step" in table.known:
        return table.known["step"]
    for word in STEPS:
        for column in table.columns:
            if last_part(column) == word and column not in (metric, seed):
                # An epoch that never changes is a setting: only a history has several.
                values = set(map(label, table.column(column)))
                return column if len(values) > 1 else None
    return None


def _trials(table: RunTable, question: Question, taken: set[str]) -> tuple[str, ...]:
    if question.trials:
        return tuple(dict.fromkeys(table.find(name, "--trial") for name in question.trials))
    pairs = question.baseline_pairs(table.columns)
    if pairs:
        return tuple(dict.fromkeys(table.find(name, "--baseline") for name, _ in pairs))
    if "trial" in table.known:
        return (table.known["trial"],)
    free = [c for c in table.columns if c not in taken]
    levels = {c: list(dict.fromkeys(map(label, table.column(c)))) for c in free}
    free = [c for c in free if len(levels[c]) > 1]
    if question.baseline is not None:
        having = [c for c in free if _has(levels[c], question.baseline)]
        if len(having) == 1:
            return (having[0],)
        free = having or free
        if not having:
            free = [c for c in free if not is_numeric(table.column(c))] or free
            likely = _likeliest(free) or (free[0] if len(free) == 1 else None)
            if likely is None:
                raise UserError(
                    f"no column of {table.source} has the value {question.baseline!r}; "
                    + nearest(question.baseline, {v for c in free for v in levels[c]})
                )
            return (likely,)
    else:
        named = [c for c in free if baseline_names(levels[c])]
        if len(named) == 1:
            return (named[0],)
        free = named or free
    likely = _likeliest(free)
    if likely is None and table.settings is not None:
        settings = [c for c in table.settings if c in free]
        likely = settings[0] if len(settings) == 1 else None
    if likely is None:
        candidates = [c for c in free if not UNIQUE.fullmatch(last_part(c))]
        repeated = [c for c in candidates if len(levels[c]) < len(table.rows)]
        texts = [c for c in candidates if not is_numeric(table.column(c))]
        for found in (repeated, texts):
            if len(found) == 1:
                return (found[0],)
        raise UserError(
            f"which column of {table.source} says what was changed? Say --trial and one of "
            + ", ".join((candidates or list(table.columns))[:12])
            + "; several --trial are factors that change together"
        )
    return (likely,)


def _likeliest(columns: Sequence[str]) -> str | None:
    for word in TRIALS:
        for column in columns:
            if last_part(column) == word or column.lower() == word:
                return column
    return None


def _has(levels: Sequence[str], baseline: str) -> bool:
    return any(level.lower() == baseline.strip().lower() for level in levels)
