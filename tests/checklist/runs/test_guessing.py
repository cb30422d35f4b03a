"""What guessing gives of each metric, by networks that say nothing of their images and others."""

from __future__ import annotations

import dataclasses
from functools import cache

import pytest
import torch

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.runs.floor import nothing_learnt
from darkmagic.checklist.runs.guessing import guess_of
from darkmagic.sweeps.track.rules import METRICS
from darkmagic.trainers.metrics.plain import is_right, plain_loss
from darkmagic.trainers.metrics.values import metric_value
from records import SMALL, record

CLASSES = 8
SHARES = {"even": [1.0] * CLASSES, "rare": [20.0, 8, 4, 3, 2, 2, 1, 1]}
NAMES = ["baseline", "lr=cosine", "mixup=on", "stem=relu"]


@cache
def _truth(shares: str, images: int) -> torch.Tensor:
    weights = torch.tensor(SHARES[shares])
    counts = (weights / weights.sum() * images).round().long().clamp_min(1)
    return torch.repeat_interleave(torch.arange(CLASSES), counts)


def _run(
    name: str, seed: int, metric: str, shares: str, *, signal: float, images: int
) -> TrialRecord:
    """Return a run that knows the classes' shares, and `signal` of an image's class."""
    truth = _truth(shares, images)
    rng = torch.Generator().manual_seed(1000 * NAMES.index(name) + seed)
    noise = 0.2 * torch.randn(len(truth), CLASSES, generator=rng)
    prior = torch.bincount(truth, minlength=CLASSES).float().log()
    logits = noise + prior + signal * torch.nn.functional.one_hot(truth, CLASSES)
    accuracy = float(is_right(logits, truth).double().mean())
    own = {"accuracy": accuracy, "loss": float(plain_loss(logits, truth))}
    value = own[metric] if metric in own else metric_value(metric, logits, truth)
    facts = {"classes": CLASSES, "images": len(truth)}
    commonest = float(torch.bincount(truth).max()) / len(truth)
    return dataclasses.replace(
        record(name, seed, accuracy), value=value, commonest=commonest, **facts
    )


def _runs(metric: str, shares: str, signal: float, images: int) -> list[TrialRecord]:
    return [
        _run(name, seed, metric, shares, signal=signal, images=images)
        for name in NAMES
        for seed in range(2)
    ]


@pytest.mark.parametrize("images", [60, 600])
@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("metric", METRICS)
def test_networks_that_know_only_how_common_classes_are_have_learnt_nothing(
    metric: str, shares: str, images: int
) -> None:
    """However few images there are, and however uneven the classes."""
    runs = _runs(metric, shares, 0.0, images)
    found = nothing_learnt(runs, METRICS[metric])
    if found is None:  # of uneven classes the share of the commonest alone is known
        assert (metric, shares) == ("loss", "rare") or (metric, shares, images) == (
            *("auroc", "rare"),
            60,
        )
        return
    best = max(METRICS[metric].gain(r.result(METRICS[metric]) or 0.0) for r in runs)
    assert METRICS[metric].gain(found.best) == pytest.approx(best)


@pytest.mark.parametrize("metric", METRICS)
def test_report_opens_with_that_in_the_words_of_the_metric(metric: str) -> None:
    """Its name and its unit stand there, and no other's."""
    comparison = compare(SMALL, _runs(metric, "even", 0.0, 60), Rules(metric=METRICS[metric]))
    alarm = Report("mine", comparison, facts={}).advice.alarm
    assert alarm.startswith("Nothing was learnt: the best run ")
    assert (METRICS[metric].name in alarm) is (metric != "accuracy")
    assert ("%" in alarm) is (METRICS[metric].unit == "%")
    assert ("nats" in alarm) is (metric == "loss")


@pytest.mark.parametrize("shares", SHARES)
@pytest.mark.parametrize("metric", METRICS)
def test_networks_that_know_something_of_their_images_are_compared(
    metric: str, shares: str
) -> None:
    """By any metric."""
    assert nothing_learnt(_runs(metric, shares, 3.0, 600), METRICS[metric]) is None


def test_network_that_ranks_rare_classes_and_names_the_commonest_has_learnt_by_its_ranks() -> None:
    """By accuracy nothing was learnt; AUROC sees it, and no run fails for its accuracy."""
    ranked = [
        dataclasses.replace(
            record(name, seed, 0.5), value=0.9, classes=2, images=500, commonest=0.5
        )
        for name in NAMES
        for seed in range(2)
    ]
    low = [dataclasses.replace(r, accuracy=0.4) if r.seed else r for r in ranked]
    assert nothing_learnt(ranked) is not None
    assert nothing_learnt(ranked, METRICS["auroc"]) is None
    rows = compare(SMALL, low, Rules(metric=METRICS["auroc"])).rows
    assert not any(row.verdict is Verdict.FAILED for row in rows)


def test_every_metric_that_decides_has_a_level_of_guessing() -> None:
    """A new one is added to the module too."""
    run = dataclasses.replace(record("baseline", 0, 0.5), classes=10, images=100)
    for metric in METRICS.values():
        found = guess_of(metric, run)
        assert found is not None, metric.name
        assert metric.gain(found.luck) > metric.gain(found.level)
        assert guess_of(metric, dataclasses.replace(run, classes=None)) is None
