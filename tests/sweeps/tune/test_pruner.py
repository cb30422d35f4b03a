"""The pruner: what it compares, what it ends, and that noise alone ends nothing."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.utils import JobReturn, JobStatus

from darkmagic.sweeps.orchestrate.watch.ended import judge_job
from darkmagic.sweeps.tune.objectives import read_objectives
from darkmagic.sweeps.tune.pruner import Curve, Pruner, curve_of_events
from darkmagic.trainers.outputs.result_file import write_result

EPOCHS = 12
COSINE = {e: 0.1 * (1 + math.cos(math.pi * e / EPOCHS)) / 2 for e in range(1, EPOCHS + 1)}
CYCLES = {e: 0.1 * (1 + math.cos(math.pi * (e % 6) / 6)) / 2 for e in range(1, EPOCHS + 1)}
WARM_UP = {**COSINE, **{e: 0.1 * e / 8 for e in range(1, 8)}}


def _curve(
    final: float, rng: np.random.Generator, spread: float = 0.2, rates: dict[int, float] = COSINE
) -> Curve:
    """Return a run that nears its accuracy, with noise at each epoch."""
    values = {
        e: final - 30 * math.exp(-e / 3) + float(rng.normal()) * spread
        for e in range(1, EPOCHS + 1)
    }
    return Curve(EPOCHS, values, rates)


def _until(curve: Curve, epoch: int) -> Curve:
    return Curve(
        curve.epochs,
        {e: v for e, v in curve.gains.items() if e <= epoch},
        {e: v for e, v in curve.rates.items() if e <= epoch},
    )


def _pruner(rng: np.random.Generator, seeds: int = 3, effect: float = 0.5) -> Pruner:
    repeats = [[_curve(90.0, rng) for _ in range(seeds)] for _ in range(4)]
    ended = [_curve(90 + effect * float(rng.normal()), rng) for _ in range(12)]
    return Pruner([*ended, *(curve for group in repeats for curve in group)], repeats)


def test_run_that_is_far_behind_is_ended_and_says_why() -> None:
    """A run ten points behind at half of its training cannot win, and the figures are given."""
    rng = np.random.default_rng(0)
    reason = _pruner(rng).reason(_until(_curve(80.0, rng), 6))
    assert reason is not None
    assert "after epoch 6 of 12: by 24 comparable runs it ends at" in reason


def test_loss_is_ended_as_a_gain_is_and_says_the_loss() -> None:
    """Values of a metric that is minimised are turned round: high ones are hopeless."""
    (loss,) = read_objectives(["loss"], "loss")
    rng = np.random.default_rng(0)
    runs = [_events(0.4 + 0.02 * float(rng.normal()), rng) for _ in range(24)]
    curves = [curve for run in runs if (curve := curve_of_events(run, loss)) is not None]
    assert curves[0].final == pytest.approx(-0.4, abs=0.1)
    pruner = Pruner(curves, [curves[:3], curves[3:6], curves[6:9]], loss)
    high, low = (curve_of_events(_events(level, rng)[:6], loss) for level in (3.0, 0.2))
    assert high is not None
    assert low is not None
    reason = pruner.reason(high)
    assert reason is not None
    assert reason.startswith("3.")
    assert "nats after epoch 6 of 12: by 24 comparable runs it ends at" in reason
    assert "nats at least, and 0.40" in reason
    assert pruner.reason(low) is None


def _events(loss: float, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Return the epochs of a run that nears its loss; its accuracy says nothing."""
    return [
        {
            "type": "epoch",
            "epoch": epoch,
            "epochs": EPOCHS,
            "val_loss": loss + 2 * math.exp(-epoch / 3) + 0.01 * float(rng.normal()),
            "val_accuracy": 0.5,
            "lr": COSINE[epoch],
        }
        for epoch in range(1, EPOCHS + 1)
    ]


def test_best_run_is_hardly_ever_ended() -> None:
    """Of runs whose true accuracy is the best of all, fewer than 1 of 50 is ended at any epoch."""
    ended = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        pruner = _pruner(rng)
        best = _curve(91.2, rng)
        ended += any(pruner.reason(_until(best, e)) for e in range(1, EPOCHS + 1))
    assert ended <= 3


def test_noise_alone_ends_nothing() -> None:
    """Where all recipes are alike, hardly a run is ended: they differ by their seeds alone."""
    ended = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        pruner = _pruner(rng, effect=0.0)
        same = _curve(90.0, rng)
        ended += any(pruner.reason(_until(same, e)) for e in range(1, EPOCHS + 1))
    assert ended <= 2


@pytest.mark.parametrize(
    ("what", "curve"),
    [
        ("first third", _until(_curve(60.0, np.random.default_rng(1)), 3)),
        ("warm-up", _until(_curve(60.0, np.random.default_rng(1), rates=WARM_UP), 7)),
        ("restart of a cycle", _until(_curve(60.0, np.random.default_rng(1), rates=CYCLES), 6)),
        ("other place", _until(_curve(60.0, np.random.default_rng(1), rates=CYCLES), 5)),
        ("last epoch", _curve(60.0, np.random.default_rng(1))),
        ("other budget", Curve(24, {12: 60.0}, COSINE)),
    ],
)
def test_what_cannot_be_compared_goes_on(what: str, curve: Curve) -> None:
    """Early, in warm-up, at a restart, at another place of its schedule or of another budget."""
    assert _pruner(np.random.default_rng(0)).reason(curve) is None, what


@pytest.mark.parametrize(("seeds", "known"), [(1, False), (2, True), (3, True)])
def test_without_seeds_nothing_is_ended(seeds: int, known: bool) -> None:
    """The spread must be known from repeated runs: otherwise a hopeless run is trained too."""
    rng = np.random.default_rng(0)
    pruner = _pruner(rng, seeds=seeds)
    assert pruner.can_prune == known
    assert (pruner.reason(_until(_curve(50.0, rng), 8)) is not None) == known


@pytest.mark.parametrize("status", ["pruned", "finished"])
def test_trial_that_was_ended_early_is_no_failure(tmp_path: Path, status: str) -> None:
    """A process that was ended is a failed job; its result says that it was meant, or it counts."""
    write_result(tmp_path, {"status": status, "reason": "far behind", "val_accuracy": 0.5})
    job = JobReturn(overrides=[])
    job.status = JobStatus.FAILED
    job.return_value = RuntimeError("the process was ended by SIGTERM")
    found = judge_job(tmp_path, job, -15)
    assert found["status"] == ("pruned" if status == "pruned" else "failed")
