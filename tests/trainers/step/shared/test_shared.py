"""Several processes train a trial as one does: the same losses, of the same whole batches."""

from __future__ import annotations

import dataclasses
import os
import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.devices import Lease, check_share, make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.batches import Batches
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.elastic import run_in_processes
from darkmagic.trainers.runtime.processes import Processes, processes
from darkmagic.trainers.step.shared.norms import synchronize_norms
from darkmagic.trainers.train import train
from darkmagic.trainers.tricks import (
    AuxiliaryLoss,
    BalancedWeights,
    Dropout,
    Ema,
    GradientClipping,
    Sam,
)
from training import RECIPE, epochs_of

TOLERANCE = 1e-4
"""Of losses after a few steps: sums of halves are rounded otherwise than those of wholes."""


def _train_together(recipe: Recipe, folder: str, count: int) -> Any:
    return run_in_processes(count, train, recipe, Path(folder))


def _train(recipe: Recipe, folder: Path, count: int) -> list[dict[str, Any]]:
    """Train in a child as trials are; return the epochs of its log."""
    folder.mkdir(exist_ok=True)
    function, args = (train, (recipe, folder))
    if count > 1:
        function, args = (_train_together, (recipe, str(folder), count))
    job = fork_server.start(function, *args, env={"CUDA_VISIBLE_DEVICES": ""}, threads=1)
    result = job.result()
    assert job.exit_code() == 0
    assert result.status == "finished"
    return [{**event, "parameters": result.parameters} for event in epochs_of(folder)]


def _compare(recipe: Recipe, tmp_path: Path, count: int) -> None:
    one, several = (_train(recipe, tmp_path / str(each), each) for each in (1, count))
    assert len(one) == len(several) == recipe.epochs
    for ours, theirs in zip(one, several, strict=True):
        for name in ("train_loss", "val_loss"):
            assert theirs[name] == pytest.approx(ours[name], abs=TOLERANCE), name
        for name in ("epoch", "steps", "lr", "weight_decay", "parameters"):
            assert theirs[name] == ours[name]


class _Undropped(AuxiliaryLoss):
    """An auxiliary head that draws nothing: each process would draw other numbers."""

    def edit_model(self, model: torch.nn.Module, example: torch.Tensor) -> torch.nn.Module:
        edited = super().edit_model(model, example)
        for part in edited.modules():
            if isinstance(part, torch.nn.Dropout):
                part.p = 0.0
        return edited


SHORT = dataclasses.replace(RECIPE, epochs=1, max_steps=3)


def test_two_processes_have_the_losses_of_one(tmp_path: Path) -> None:
    """A recipe with batch normalisation, mixup and AutoAugment gives the same losses in two."""
    _compare(SHORT, tmp_path, 2)


@pytest.mark.weekly
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 2, "max_steps": None},
        {"tricks": {**RECIPE.tricks, "ema": Ema(), "auxiliary_loss": _Undropped()}},
        {"tricks": {**RECIPE.tricks, "optimizer": Sam()}},
        {"tricks": {**RECIPE.tricks, "class_weights": BalancedWeights()}},
        {"tricks": {**RECIPE.tricks, "gradient_clipping": GradientClipping()}},
        {"batch_size": 31},
        {"batch_size": 3},
    ],
    ids="-".join,
)
def test_any_recipe_has_the_losses_of_one_process(
    tmp_path: Path, changes: dict[str, Any], count: int
) -> None:
    """Averages, closures, weights of classes and uneven shares change nothing."""
    _compare(dataclasses.replace(SHORT, **changes), tmp_path, count)


def _killed(recipe: Recipe, folder: str, step: int) -> None:
    steps = iter(range(1, step + 1))

    def take() -> None:
        if next(steps) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    train(recipe, Path(folder), on_step=take)


def _killed_together(recipe: Recipe, folder: str, step: int) -> str:
    try:
        run_in_processes(2, _killed, recipe, folder, step)
    except RuntimeError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(("step", "epochs"), [(6, 1), pytest.param(2, 2, marks=pytest.mark.weekly)])
def test_two_processes_that_are_killed_go_on_within_the_epoch(
    tmp_path: Path, step: int, epochs: int
) -> None:
    """To the same numbers, bit for bit: with dropout, of which each process draws its own."""
    tricks = {**RECIPE.tricks, "dropout": Dropout(0.3, wider_than=8)}
    recipe = dataclasses.replace(
        RECIPE, tricks=tricks, epochs=epochs, max_steps=None, batch_size=16, checkpoint_seconds=0
    )
    whole = _train(recipe, tmp_path / "whole", 2)
    part = tmp_path / "part"
    part.mkdir()
    job = fork_server.start(
        _killed_together, recipe, str(part), step, env={"CUDA_VISIBLE_DEVICES": ""}, threads=1
    )
    assert "SIGKILL" in job.result()
    saved = load_checkpoint(part)
    assert saved is not None
    assert 0 < saved["within"]["step"] < step
    assert len(saved["within"]["others"]) == 1
    ended = _train(recipe, part, 2)
    assert len(ended) == len(whole) == epochs
    for ours, theirs in zip(ended, whole, strict=True):
        assert ours["train_loss"] == theirs["train_loss"]
        assert ours["val_loss"] == theirs["val_loss"]


def _fail(folder: str) -> None:
    if processes().rank == 1:
        raise ValueError(f"what went wrong in {Path(folder).name}")
    torch.distributed.barrier()  # never ends by itself


def _fail_together(folder: str) -> str:
    try:
        run_in_processes(2, _fail, folder)
    except RuntimeError as error:
        return str(error)
    return ""


def test_process_that_fails_ends_the_others_and_says_why() -> None:
    """One process raises while another waits for it: the caller has the message, in seconds."""
    message = fork_server.start(_fail_together, "there", env={}, threads=1).result()
    assert message == "process 1: ValueError: what went wrong in there"


class _Files(torch.utils.data.Dataset[torch.Tensor]):
    """Images that are read when they are asked for; it remembers which."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.read: list[int] = []

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> torch.Tensor:
        self.read.append(index)
        return torch.full((3, 4, 4), index, dtype=torch.uint8)


def _read(_: str) -> tuple[list[int], list[list[int]]]:
    files = _Files(20)
    split = Split(files, torch.arange(20))
    batches = Batches(split, 8, torch.device("cpu"))
    rng = torch.Generator().manual_seed(0)
    found = [
        (images[:, 0, 0, 0].tolist(), targets.tolist()) for images, targets in batches.epoch(rng)
    ]
    assert all(images == targets for images, targets in found)
    return files.read, [images for images, _ in found]


def _read_together(count: int) -> Any:
    return run_in_processes(count, _read, "")


def test_each_process_reads_its_share_of_the_files() -> None:
    """Every process has the whole batch, in the same order, of which it read its share."""
    alone, batches = fork_server.start(_read, "", env={}, threads=1).result()
    own, shared = fork_server.start(_read_together, 2, env={}, threads=1).result()
    assert shared == batches
    assert sorted(alone) == list(range(20))
    assert len(own) == 10
    assert own == [index for batch in batches for index in batch[: len(batch) // 2]]


@pytest.mark.parametrize("rows", [1, 2, 7, 32])
@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_shares_are_all_rows_once_and_as_even_as_can_be(rows: int, count: int) -> None:
    """Rows are shared without a gap, and sizes differ by one at most."""
    shares = [Processes(rank, count).own(rows) for rank in range(count)]
    assert [row for share in shares for row in range(rows)[share]] == list(range(rows))
    sizes = [share.stop - share.start for share in shares]
    assert max(sizes) - min(sizes) <= 1


def test_norm_of_one_process_is_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sums that are written out for a CPU give torch's values, gradients and statistics."""
    monkeypatch.setattr(torch.distributed, "all_reduce", lambda _: None)
    ours, theirs = (torch.nn.Sequential(torch.nn.BatchNorm2d(5)) for _ in range(2))
    synchronize_norms(ours)
    assert ours.state_dict().keys() == theirs.state_dict().keys()
    images = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(0)) * 3 + 10
    inputs = [images.clone().requires_grad_() for _ in range(2)]
    for norm, values in zip((ours, theirs), inputs, strict=True):
        norm(values).square().mul(values).sum().backward()
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())
    torch.testing.assert_close(ours[0].weight.grad, theirs[0].weight.grad, rtol=1e-4, atol=1e-3)
    torch.testing.assert_close(ours.eval()(images), theirs.eval()(images))


def test_packing_and_several_gpus_exclude_each_other() -> None:
    """A trial has several GPUs, or a GPU several trials."""
    with pytest.raises(UserError, match="leave one of them out"):
        check_share(2, 2)
    with pytest.raises(UserError, match="need a whole number, 1 or more"):
        check_share(None, 0)
    for packed in (None, "auto", 1):
        check_share(packed, 4)


def test_leases_join_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trial's lease names all of its GPUs, and what is left over is nobody's."""
    from darkmagic.sweeps.launch import devices

    monkeypatch.setattr(devices, "_visible_gpus", lambda: ["3", "4", "5", "6", "7"])
    leases = make_leases("auto", "auto", gpus_per_trial=2)
    assert [lease.device for lease in leases] == ["3,4", "5,6"]
    assert {lease.env["DARKMAGIC_PROCESSES"] for lease in leases} == {"2"}
    assert leases[0].env["CUDA_VISIBLE_DEVICES"] == "3,4"
    with pytest.raises(UserError, match="gpus_per_trial=8, but trials have 5 GPUs here"):
        make_leases("auto", None, gpus_per_trial=8)
    (lease,) = make_leases("cpu", 1, 1, gpus_per_trial=2)
    assert lease == Lease("cpu", 1, {"DARKMAGIC_PROCESSES": "2"})
