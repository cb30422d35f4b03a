"""CUDA graphs on a GPU: what a graph trains is what single launches train."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.dropout import Dropout
from darkmagic.trainers.tricks.optimizer import (
    Adadelta,
    Adagrad,
    AdamW,
    Lion,
    RmsProp,
    Sam,
    Sgd,
)
from darkmagic.trainers.tricks.progressive_resizing import ProgressiveResizing
from deterministic import deterministic_kernels
from graph_recipes import CAPTURABLE, HOOKS, graph_recipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")

ON_GPU = [*CAPTURABLE, RmsProp(), Adadelta()]


def _assert_trains_alike(recipe: Recipe, folder: Path, *, stepping: str, amp: str = "off") -> None:
    """Assert that `recipe` trains the same weights as a graph, if it steps so, and without."""
    weights, steppings = {}, {}
    for mode in ("on", "off"):
        directory = folder / mode
        directory.mkdir()
        with deterministic_kernels():
            result = train(dataclasses.replace(recipe, cuda_graphs=mode, amp=amp), directory)
        checkpoint = load_checkpoint(directory)
        assert checkpoint is not None
        parts = (checkpoint[name] or {} for name in ("model", "average", "scale"))
        weights[mode] = {name: value for part in parts for name, value in part.items()}
        steppings[mode] = result.stepping
    assert steppings["on"].startswith(stepping)
    assert steppings["off"] == "eager: runtime.cuda_graphs=off"
    apart = {
        name: (value - weights["off"][name]).abs().max().item()
        for name, value in weights["on"].items()
        if not torch.equal(value, weights["off"][name])
    }
    assert not apart


@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("optimizer", ON_GPU, ids=lambda optimizer: type(optimizer).__name__)
def test_a_graph_trains_as_single_launches_do(
    tmp_path: Path, optimizer: Trick, *, moves: bool
) -> None:
    """Bit for bit, averages included, where kernels are deterministic."""
    recipe = graph_recipe(optimizer, moves=moves, device="cuda")
    captured = not (moves and isinstance(optimizer, Sam))
    _assert_trains_alike(recipe, tmp_path, stepping="graph" if captured else "eager")


@pytest.mark.parametrize("optimizer", [Sgd(0.05), AdamW(), Sam(0.05), Lion()], ids=str)
def test_fp16_trains_as_single_launches_do(tmp_path: Path, optimizer: Trick) -> None:
    """A step that overflows is left out by both; an optimizer that cannot do so is not captured."""
    recipe = graph_recipe(optimizer, device="cuda")
    stepping = "eager: in fp16" if isinstance(optimizer, Lion) else "graph"
    _assert_trains_alike(recipe, tmp_path, stepping=stepping, amp="fp16")


@pytest.mark.parametrize("hooks", HOOKS)
def test_hooks_inside_a_step_are_captured(tmp_path: Path, hooks: str) -> None:
    """Gradients, averages and extra losses are in a graph what they are in single launches."""
    recipe = graph_recipe(Sgd(0.05, nesterov=True), device="cuda")
    recipe = dataclasses.replace(recipe, tricks={**recipe.tricks, **HOOKS[hooks]})
    _assert_trains_alike(recipe, tmp_path, stepping="graph")


def test_dropout_draws_anew_at_every_replay(tmp_path: Path) -> None:
    """And as it would without a graph."""
    recipe = graph_recipe(Sgd(0.05), device="cuda")
    tricks = {**recipe.tricks, "dropout": Dropout(0.5, wider_than=8)}
    recipe = dataclasses.replace(recipe, tricks=tricks)
    _assert_trains_alike(recipe, tmp_path, stepping="graph")


def test_what_cannot_be_captured_says_why(tmp_path: Path) -> None:
    """Images that change their size, optimizers that step by the host, losses that wait."""

    class Waits(Trick):
        def loss(self, logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            loss = torch.nn.functional.cross_entropy(logits, targets)
            return loss * (1.0 if loss.item() > 0 else 2.0)

    plain = graph_recipe(Sgd(0.05), device="cuda")
    cases = {
        "size": (ProgressiveResizing(), "images change their size"),
        "loss": (Waits(), "waits for the device"),
        "optimizer": (Adagrad(), "numbers of the host"),
    }
    for name, (trick, why) in cases.items():
        tricks = {**plain.tricks, name: trick}
        (tmp_path / name).mkdir()
        result = train(dataclasses.replace(plain, tricks=tricks, cuda_graphs="on"), tmp_path / name)
        assert result.status == "finished"
        assert result.stepping.startswith("eager")
        assert why in result.stepping
