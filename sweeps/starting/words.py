"""The words that say what a figure is, and of which data."""

from __future__ import annotations

import re

__all__ = ["SPLITS", "WORD", "is_figure", "rank_of", "says_which"]

SPLITS = (
    ("val", "valid", "validation", "dev", "eval", "evaluation", "heldout", "holdout"),
    ("test", "testing"),
    (),
)
"""Of the data that a figure is of, those that decide rather first; the last is none at all."""
TRAIN = ("train", "training", "tr", "batch", "running")
QUANTITIES = (
    ("acc", "accuracy", "acc1", "top", "top1", "prec1"),
    (
        *("f1", "auc", "auroc", "map", "map50", "ap", "iou", "miou", "dice", "bleu", "rouge"),
        *("psnr", "ssim", "precision", "recall", "r2", "score", "kappa", "mcc", "spearman"),
        *("pearson", "fscore", "jaccard", "ndcg", "mrr", "reward"),
    ),
    (
        *("loss", "losses", "error", "err", "perplexity", "ppl", "mse", "rmse", "mae", "nll"),
        *("bpb", "bpc", "wer", "cer", "fid", "brier", "ece"),
    ),
)
WORD = re.compile(r"[A-Za-z]+[0-9]*")


def rank_of(words: str) -> tuple[int, int, int] | None:
    """Return where a figure of these words stands among others; None for one that cannot decide."""
    parts = _parts(words)
    if parts & set(TRAIN):
        return None
    what = next((rank for rank, names in enumerate(QUANTITIES) if parts & set(names)), None)
    if what is None:
        return None
    of = next((rank for rank, names in enumerate(SPLITS) if parts & set(names)), len(SPLITS) - 1)
    return of, what, int(bool(parts & {"best", "max"}))  # the best of many epochs flatters


def _parts(words: str) -> set[str]:
    plain = words.replace("@", "").replace("_", " ")
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", plain)
    return {part.lower() for part in WORD.findall(f"{plain} {spaced}")}


def says_which(words: str) -> bool:
    """Return whether words say of which data a figure is."""
    return any(_parts(words) & set(names) for names in (*SPLITS, TRAIN))


def is_figure(words: str) -> bool:
    """Return whether words name a figure: a score or a loss."""
    return any(_parts(words) & set(names) for names in QUANTITIES)
