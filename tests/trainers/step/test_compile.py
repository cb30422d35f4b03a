"""Compiled training, by inductor on the CPU: once an architecture, kept only where it is faster."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import shutil
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn

from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.step import compile as compilation
from darkmagic.trainers.step.compile import architecture_key, compile_if_faster
from darkmagic.trainers.step.select import make_eager
from darkmagic.trainers.train import train
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.optimizer import Sgd


class Small(nn.Sequential):
    """A layer of each kind, which compile in seconds."""

    def __init__(self, num_classes: int, in_channels: int, width: int = 4) -> None:
        super().__init__(
            nn.Conv2d(in_channels, width, 3),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(36 * width, num_classes),
        )


RECIPE = Recipe(
    dataset=Shapes(count=120),
    build=Small,
    tricks={"optimizer": Sgd(0.05), "ema": Ema(0.9, warmup=False)},
    epochs=2,
    batch_size=32,
    device="cpu",
)

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="inductor needs g++")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
        patch.setenv("TORCHINDUCTOR_CPP_CACHE_PRECOMPILE_HEADERS", "0")  # half a minute of g++
        yield
    torch.compiler.reset()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that the tests share: compiling takes long."""
    return tmp_path_factory.mktemp("cache")


def _train(recipe: Recipe, directory: Path) -> tuple[str, torch.Tensor, list[dict[str, object]]]:
    directory.mkdir()
    result = train(recipe, directory)
    checkpoint = load_checkpoint(directory)
    assert checkpoint is not None
    lines = (directory / "events.jsonl").read_text().splitlines()
    events = [event for event in map(json.loads, lines) if event["type"] == "stepping"]
    flat = torch.cat([value.double().flatten() for value in checkpoint["model"].values()])
    return result.stepping, flat, events


def _compile(cache: str, pipe: multiprocessing.connection.Connection) -> None:
    """Compile in a process of its own; send what was found, and how often code was made."""
    trial = Trial.prepare(RECIPE)
    trial.network.train()
    batch = next(iter(trial.pipeline.training_epoch(0)))
    _, words = compile_if_faster(make_eager(trial)[0], *batch, Path(cache))
    made = torch._dynamo.utils.counters["inductor"]
    pipe.send((words, made["fxgraph_cache_miss"], made["fxgraph_cache_hit"]))


@needs_compiler
@pytest.mark.weekly  # both processes import inductor and compile: three quarters of a minute
def test_an_architecture_is_compiled_once_for_all_processes(cache: Path) -> None:
    """The others wait for the first, and find its code."""
    context = multiprocessing.get_context("spawn")
    ends = [context.Pipe(duplex=False) for _ in range(2)]
    workers = [context.Process(target=_compile, args=(str(cache), end)) for _, end in ends]
    for worker in workers:
        worker.start()
    found = []
    for end, _ in ends:
        assert end.poll(240)  # 40 s on two idle cores
        found.append(end.recv())
    for worker in workers:
        worker.join()
    assert len(found) == 2
    assert sorted(misses > 0 for _, misses, _ in found) == [False, True]
    assert sorted(hits > 0 for _, _, hits in found) == [False, True]
    assert list((cache / "inductor").rglob("*.so"))


@needs_compiler
@pytest.mark.filterwarnings("ignore")  # torch's own, while it compiles
@pytest.mark.weekly
@pytest.mark.parametrize("pays", [0.0, 1e9], ids=["faster", "slower"])
def test_compiled_training_is_kept_where_it_pays(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, pays: float
) -> None:
    """It computes the same to rounding; not kept, bit for bit as if it was never tried."""
    monkeypatch.setattr(compilation, "MIN_SPEEDUP", pays)
    _, plain, _ = _train(RECIPE, tmp_path / "plain")
    recipe = dataclasses.replace(RECIPE, compile=True, cache=str(cache))
    stepping, weights, events = _train(recipe, tmp_path / "compiled")
    (event,) = events
    assert str(event["compile"]) in stepping
    assert "times as fast" in stepping
    if pays:
        assert "not compiled" in stepping
        assert torch.equal(plain, weights)
    else:
        assert "; compiled" in stepping
        assert torch.allclose(plain, weights, rtol=1e-3, atol=1e-4)


def test_architectures_are_told_apart() -> None:
    """By their layers and batches, not by their weights."""

    def key(recipe: Recipe) -> str:
        trial = Trial.prepare(recipe)
        images, _ = next(iter(trial.pipeline.training_epoch(0)))
        return architecture_key(make_eager(trial)[0], images)

    wider = dataclasses.replace(RECIPE, build=partial(Small, width=8))
    assert key(RECIPE) == key(dataclasses.replace(RECIPE, seed=1))
    assert key(RECIPE) != key(wider)
    assert key(RECIPE) != key(dataclasses.replace(RECIPE, batch_size=16))
    assert key(RECIPE) != key(dataclasses.replace(RECIPE, amp="bf16"))
