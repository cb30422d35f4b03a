"""How many processes read images: a table of boxes, and what the trial's log says."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.prepare import loader_workers
from darkmagic.trainers.prepare.loader_workers import choose_loaders
from darkmagic.trainers.runtime.cores import THREADS
from darkmagic.trainers.runtime.memory import _container_rest, available_memory_bytes
from darkmagic.trainers.train import train
from training import make_recipe

GIB = 2**30


class _Read(Dataset[torch.Tensor]):
    """Images of a split that are not in memory."""

    def __init__(self, images: torch.Tensor) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> torch.Tensor:
        return self._images[index]


@pytest.fixture(scope="module")
def data() -> Data:
    """Images that say that they are photographs of 224 x 224 pixels."""
    small = Shapes(count=40).load(0)
    assert isinstance(small.train.images, torch.Tensor)
    train = Split(_Read(small.train.images), small.train.targets)
    return dataclasses.replace(small, train=train, channels=3, size=(224, 224))


@pytest.mark.parametrize(
    ("device", "share", "cores", "gib", "workers"),
    [
        ("cuda", 16, 16, 100, 15),
        ("cuda", 64, 64, 500, 16),  # more only wait
        ("cuda", 12, 96, 500, 11),  # one of eight GPUs
        ("cuda", 2, 16, 100, 1),  # eight trials share a GPU
        ("cuda", 1, 16, 100, 1),
        ("cpu", 1, 2, 10, 1),
        ("cpu", 8, 8, 100, 4),
        ("cuda", 16, 16, 4, 7),  # memory allows fewer
        ("cuda", 4, 16, 4, 1),  # and fewer yet where four trials share it
        ("cuda", 4, 16, 1, 0),  # none: the trial's own process reads
    ],
)
def test_processes_follow_cores_and_memory(
    data: Data,
    monkeypatch: pytest.MonkeyPatch,
    device: str,
    share: int,
    cores: int,
    gib: int,
    workers: int,
) -> None:
    """A trial takes what its share of cores and memory allows, and says of how many."""
    monkeypatch.setenv(THREADS, str(share))
    monkeypatch.setattr(loader_workers, "usable_cores", lambda: cores)
    found = choose_loaders(data, torch.device(device), (64, 256), memory=gib * GIB)
    assert found.workers == workers
    assert f"{share} of {cores} cores are this trial's" in found.why
    assert found.why.startswith(f"{workers} process" if workers else "the trial's own process")


def test_number_that_is_asked_for_is_taken(data: Data) -> None:
    """Whatever the box has, and the log says that it was asked for."""
    found = choose_loaders(data, torch.device("cpu"), (8, 8), 7, memory=0)
    assert found == (7, "7 processes read the images: runtime.workers=7")


def test_images_in_memory_need_no_processes() -> None:
    """Also where some are asked for."""
    data = Shapes(count=40).load(0)
    assert choose_loaders(data, torch.device("cuda"), (8, 8), 7) == (0, "")


@pytest.mark.parametrize(
    ("limit", "used", "inactive", "rest"),
    [("1000", 400, 100, 700), ("1000", 2000, 0, 0), ("max", 400, 100, None), ("x", 1, 1, None)],
)
def test_container_may_have_less_than_the_machine(
    tmp_path: Path, limit: str, used: int, inactive: int, rest: int | None
) -> None:
    """Its limit less what it uses counts; files that can be dropped are not in use."""
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    (tmp_path / "memory.current").write_text(f"{used}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {inactive}\n")
    assert _container_rest(tmp_path) == rest
    assert _container_rest(tmp_path / "none") is None


@pytest.mark.skipif(not Path("/proc/meminfo").exists(), reason="the system does not say")
def test_memory_that_is_available_is_less_than_there_is() -> None:
    """Asked of the machine that runs this test."""
    found = available_memory_bytes()
    assert found is not None
    assert 0 < found <= os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_log_of_a_trial_says_who_reads_its_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of images that are read as they are needed, by real processes; not of those in memory."""
    for index in range(40):
        path = tmp_path / "photos" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (index, 0, 0)).save(path)
    monkeypatch.setenv(THREADS, "1")
    notes = {}
    for budget in (0, 2**20):
        source = Folder(str(tmp_path / "photos"), memory_budget=budget, cache=str(tmp_path / "c"))
        recipe = dataclasses.replace(make_recipe(1), dataset=source, batch_size=8)
        (tmp_path / str(budget)).mkdir()
        train(recipe, tmp_path / str(budget))
        lines = (tmp_path / str(budget) / "events.jsonl").read_text().splitlines()
        notes[budget] = next(
            event["notes"] for event in map(json.loads, lines) if event["type"] == "data"
        )
    assert notes[0][:-1] == notes[2**20]
    assert notes[0][-1].startswith("1 process reads the images: 1 of ")
