"""Processes that read images, and what is said when one of them fails."""

from __future__ import annotations

import faulthandler
import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.batches import Batches
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.loader import LoaderError
from darkmagic.trainers.errors import LoaderDied


def _kill(number: int) -> Callable[[], object]:
    return lambda: os.kill(os.getpid(), number)


def _raise(error: BaseException) -> Callable[[], object]:
    def planted() -> None:
        raise error

    return planted


def _unpicklable() -> None:
    class OwnError(Exception):
        def __init__(self, what: str, where: int) -> None:
            super().__init__(what, where)

    raise OwnError("bad", 3)


def _odd_size() -> Tensor:
    return torch.zeros(1, 9, 9, dtype=torch.uint8)


WAYS: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "killed": (_kill(signal.SIGKILL), LoaderDied, r"a process that reads images ended: .*"),
    "crashed": (_kill(signal.SIGBUS), LoaderDied, r"a process that reads images ended: .*"),
    "exited": (lambda: os._exit(3), LoaderDied, r"a process that reads images ended: .*"),
    "key": (lambda: {}["size"], LoaderError, r"KeyError: 'size' \(.*test_loader.py, line \d+: .*"),
    "own": (_unpicklable, LoaderError, r"OwnError: \('bad', 3\) \(.*test_loader.py, line .*"),
    "gone": (lambda: Path("nowhere").stat(), LoaderError, r"FileNotFoundError: .*'nowhere'.*"),
    "lines": (_raise(RuntimeError("a:\nb\n")), LoaderError, r"RuntimeError: a: b \(.*"),
    "memory": (_raise(MemoryError()), LoaderError, r"MemoryError \(.*"),
    "size": (_odd_size, LoaderError, r"RuntimeError: stack expects each tensor .*"),
}


class _Failing(Dataset[Tensor]):
    def __init__(self, way: Callable[[], object]) -> None:
        self._way = way

    def __len__(self) -> int:
        return 12

    def __getitem__(self, place: int) -> Tensor:
        found = self._way() if place == 7 else None
        return found if isinstance(found, Tensor) else torch.zeros(1, 4, 4, dtype=torch.uint8)


QUICK = ("killed", "own")
"""Of the others a process now and then takes torch five seconds to end."""


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else pytest.mark.weekly) for name in WAYS],
)
def test_error_in_a_loader_is_one_line_with_its_cause(name: str) -> None:
    """Whatever is raised there, and however the process ends; the trial never waits for it."""
    way, kind, words = WAYS[name]
    split = Split(_Failing(way), torch.zeros(12).long())
    with pytest.raises(kind, match=f"^{words}$"):
        list(Batches(split, 4, torch.device("cpu"), workers=1).epoch(None))


def test_kept_images_that_are_cut_while_they_are_trained_on_end_the_process(
    tmp_path: Path,
) -> None:
    """It dies by a signal, as the file is mapped, so that its trial is tried again; they are
    decoded anew then.
    """
    rng = np.random.default_rng(0)
    for index in range(24):
        split = ("train", "train", "val", "test")[index % 4]
        path = tmp_path / "set" / split / "ab"[index // 4 % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(path)
    folder = Folder(str(tmp_path / "set"), cache=str(tmp_path / "cache"))
    folder.load(0)
    before = _sums(folder)
    kept = max((tmp_path / "cache").rglob("*.npy"), key=lambda path: path.stat().st_size)
    child = os.fork()
    if not child:
        faulthandler.disable()
        images = folder.load(0).train.images
        os.truncate(kept, 4096)
        assert isinstance(images, Tensor)
        images.long().sum()
        os._exit(0)  # it read what is not there
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGBUS
    assert _sums(folder) == before


def _sums(folder: Folder) -> list[int]:
    data = folder.load(0)
    parts = (data.train, data.val, data.test)
    return [int(part.images.long().sum()) for part in parts if isinstance(part.images, Tensor)]
