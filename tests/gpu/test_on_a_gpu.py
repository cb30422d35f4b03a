"""On a GPU: batches and training are those of a CPU, and no epoch waits for the device."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import tempfile
from pathlib import Path

import pytest
import torch

from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.trainers.errors import CaptureFailed
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.device import forbid_waiting
from darkmagic.trainers.step.cuda_graph import GraphedStep
from darkmagic.trainers.step.select import make_eager
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks import augmentation
from darkmagic.trainers.tricks.cutmix import CutMix
from darkmagic.trainers.tricks.cutout import Cutout
from darkmagic.trainers.tricks.dropout import Dropout
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.mixup import Mixup
from darkmagic.trainers.tricks.optimizer import Adam, AdamW, Muon, Sam, ScheduleFree
from darkmagic.trainers.tricks.random_erasing import RandomErasing
from deterministic import deterministic_kernels
from training import StopsAfter
from workloads import make_recipe

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here"),
    # torch itself warns: capturable=True without a capture.
    pytest.mark.filterwarnings("default::UserWarning"),
]
AVERAGE: dict[str, Trick] = {"ema": Ema(0.9, warmup=False)}
SMALL = {"workload": "ResNet-20, batch 128", "quick": True}
CHANGES: dict[str, dict[str, Trick]] = {
    "none": {},
    **{name: {"augmentation": getattr(augmentation, name)()} for name in augmentation.__all__},
    "mixup": {"mixup": Mixup(1.0)},
    "cutmix": {"cutmix": CutMix()},
    "cutout": {"cutout": Cutout()},
    "erasing": {"random_erasing": RandomErasing()},
}


def _recipe(device: str, **other: object) -> Recipe:
    return make_recipe(**{**SMALL, "device": device, "epochs": 3, "amp": "off", **other})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", CHANGES)
def test_batches_are_those_of_a_cpu(name: str) -> None:
    """To a grey level, as both round; and making one does not wait."""
    made = {}
    for device in ("cpu", "cuda"):
        trial = Trial.prepare(_recipe(device, tricks=CHANGES[name]))
        batches = trial.pipeline.training_epoch(1)
        first = next(batches)
        with forbid_waiting() if device == "cuda" else contextlib.nullcontext():
            second = next(batches)
        made[device] = [tensor.cpu() for pair in (first, second) for tensor in pair]
    for ours, theirs in zip(made["cpu"], made["cuda"], strict=True):
        apart = (ours - theirs).abs()
        level = 4 / 255 + 1e-4  # of pixels scaled by a deviation of 0.25
        assert apart.mean() < 1e-3
        assert (apart > level).float().mean() < 1e-3, f"{(apart > level).sum()} of {apart.numel()}"


@pytest.mark.parametrize("mode", ["off", "on"])
@pytest.mark.parametrize(
    "optimizer", [None, Adam(), AdamW(), Sam(0.05), Muon(), ScheduleFree(0.5)], ids=str
)
def test_training_is_that_of_a_cpu(tmp_path: Path, optimizer: Trick | None, mode: str) -> None:
    """In single precision, over two epochs: losses to a few parts in a hundred."""
    losses = {}
    tricks = {"mixup": Mixup(1.0), **AVERAGE, **({"optimizer": optimizer} if optimizer else {})}
    for device in ("cpu", "cuda"):
        directory = tmp_path / device
        directory.mkdir()
        recipe = _recipe(device, tricks=tricks, cuda_graphs=mode)
        result = train(dataclasses.replace(recipe, epochs=2), directory)
        assert result.status == "finished", result.reason
        losses[device] = (result.train_loss, result.val_loss)
    assert losses["cuda"] == pytest.approx(losses["cpu"], rel=0.05)


def test_a_step_and_its_batches_do_not_wait() -> None:
    """As a graph and as single launches, with the average of the weights."""
    trial = Trial.prepare(_recipe("cuda", tricks={**CHANGES["AutoAugment"], **AVERAGE}))
    trial.network.train()
    trial.hooks.schedule(trial.optimizer, 0.3)
    batches = trial.pipeline.training_epoch(0)
    eager, problem = make_eager(trial)
    assert problem is None
    eager(*next(batches), 0.1)
    graph = GraphedStep(eager, *next(trial.pipeline.training_epoch(1)))
    total = torch.zeros((), device="cuda")
    with forbid_waiting():
        for index, step in enumerate((eager, graph, graph), 1):
            trial.hooks.schedule(trial.optimizer, index / 10)
            total += step(*next(batches), index / 10)
    assert total.isfinite()


class Late(Trick):
    """Waits for the device in a capture alone, where no warm-up finds it."""

    def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        loss = torch.nn.functional.cross_entropy(logits, targets)
        if torch.cuda.is_current_stream_capturing():
            torch.cuda.synchronize()
        return loss


def _train_late(mode: str) -> str:
    tricks = {"late": Late(), "dropout": Dropout(0.5, wider_than=8)}
    with tempfile.TemporaryDirectory() as folder:
        try:
            return train(_recipe("cuda", tricks=tricks, cuda_graphs=mode), Path(folder)).stepping
        except CaptureFailed as failure:
            return f"failed: {failure}"


def test_a_capture_that_fails_ends_the_training_and_says_what_to_do() -> None:
    """In a process of its own, which can train no more; another trains by single launches."""
    found = [fork_server.start(_train_late, mode, env={}).result() for mode in ("on", "off")]
    assert found[0].startswith("failed: ")
    assert found[0].endswith("; train with cuda_graphs=off")
    assert found[1] == "eager: runtime.cuda_graphs=off"


def test_a_run_that_was_cut_off_goes_on_as_it_would_have(tmp_path: Path) -> None:
    """From a checkpoint of single launches and of a graph bit for bit, and nearly from a CPU's."""
    with deterministic_kernels():
        expected = _train(_recipe("cuda", cuda_graphs="on"), tmp_path / "whole")

    def stop(_: dict[str, object]) -> None:
        raise StopsAfter

    for device, mode in (("cpu", "auto"), ("cuda", "off"), ("cuda", "on")):
        parts = tmp_path / f"{device}-{mode}"
        parts.mkdir()
        with deterministic_kernels():
            with contextlib.suppress(StopsAfter):
                train(_recipe(device, cuda_graphs=mode), parts, on_event=stop)
            result = train(_recipe("cuda", cuda_graphs="on"), parts)
        assert result.epochs == 3
        if device == "cuda":
            assert result.train_loss == expected, mode
        assert result.train_loss == pytest.approx(expected, rel=0.05)


def _train(recipe: Recipe, directory: Path) -> float:
    directory.mkdir()
    loss = train(recipe, directory).train_loss
    assert loss is not None
    return loss


def _in_child() -> str:
    before = torch.cuda.is_initialized()
    x = torch.ones(4, device="cuda")
    return json.dumps(
        [before, float(x.sum()), os.environ["CUDA_VISIBLE_DEVICES"], torch.cuda.device_count()]
    )


def test_a_forked_child_sees_its_device_alone() -> None:
    """By index, and by the name that the driver gives it."""
    names = [
        make_leases("auto", 1)[0].device,
        "GPU-" + str(torch.cuda.get_device_properties(0).uuid),
    ]
    for name in names:
        job = fork_server.start(_in_child, env={"CUDA_VISIBLE_DEVICES": name})
        before, total, seen, count = json.loads(job.result())
        assert (before, total, seen, count) == (False, 4.0, name, 1)
