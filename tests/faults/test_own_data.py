"""Data sets of a user's own that hand over something else than they are to: one line says what."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.functional import to_pil_image

from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.few import Few
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.preflight.finding import Level
from darkmagic.trainers.preflight.run import run_preflight
from darkmagic.trainers.prepare.trial import Trial
from planting import Changed
from preflighting import RECIPE


class Loaded:
    """A data set that is made once for all cases."""

    @functools.cache  # noqa: B019
    def load(self, split_seed: int) -> Data:
        return Shapes(count=120).load(split_seed)


SOURCE = Loaded()


class Items(Dataset[Any]):
    """Images that are read when asked for, each after `change`."""

    def __init__(self, images: Tensor, change: Callable[[Tensor], Any]) -> None:
        self._images, self._change = images, change

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Any:
        return self._change(self._images[index])


IMAGES: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "from 0 to 1": (lambda x: x / 255, "float32, not uint8 .* 255 times too dark"),
    "float from 0 to 255": (lambda x: x.float(), "float32, not uint8"),
    "int64": (lambda x: x.long(), "int64, not uint8"),
    "masks": (lambda x: x > 127, "bool, not uint8"),
    "channels last": (lambda x: x.movedim(1, -1), r"\(8, 8, 1\), and the data say \(1, 8, 8\)"),
    "without channels": (lambda x: x[:, 0], r"\(8, 8\), and the data say \(1, 8, 8\)"),
    "RGB": (lambda x: x.repeat(1, 3, 1, 1), r"\(3, 8, 8\), and the data say"),
    "of another size": (lambda x: x.repeat(1, 1, 2, 1), r"\(1, 16, 8\), and the data say"),
    "arrays": (lambda x: x.numpy(), "ndarray, not a tensor"),
    "too few": (lambda x: x[:-3], "images and "),
    "read as pairs": (lambda x: Items(x, lambda i: (i, 0)), "is tuple, not a uint8 tensor"),
    "read as PIL's": (lambda x: Items(x, to_pil_image), "is Image, not a uint8 tensor"),
    "read from 0 to 1": (lambda x: Items(x, lambda i: i / 255), "float32, not uint8"),
}
TARGETS: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "float": (lambda y: y.float(), r"float32 of shape .*, not int64 \(N,\)"),
    "int32": (lambda y: y.int(), "int32"),
    "one-hot": (lambda y: torch.nn.functional.one_hot(y, 10), r"int64 of shape \(\d+, 10\)"),
    "several labels": (
        lambda y: torch.nn.functional.one_hot(y, 10).to(torch.uint8),
        "one split has a class an image, and another several",
    ),
    "more labels than classes": (
        lambda y: torch.nn.functional.one_hot(y, 11).to(torch.uint8),
        r"\(\d+, 11\) up to 1, not 0 and 1 of 10",
    ),
    "a column": (lambda y: y[:, None], r"int64 of shape \(\d+, 1\)"),
    "a list": (lambda y: y.tolist(), "are list"),
    "from 1": (lambda y: y + 1, "1 to 10, and the 10 classes go from 0 to 9"),
    "unknown as -1": (lambda y: y - 1, "-1 to 8"),
    "too few": (lambda y: y[:-3], "images and "),
}
WHOLE: dict[str, tuple[dict[str, Any], str]] = {
    "classes missing": ({"classes": tuple("abcde")}, "0 to 9, and the 5 classes"),
    "mean of 0 to 255": ({"mean": (127.0,)}, r"mean=\(127.0,\): give .* from 0 to 1"),
    "std of 0 to 255": ({"std": (64.0,)}, r"std=\(64.0,\)"),
    "std of 0": ({"std": (0.0,)}, "over 0"),
    "mean that is no number": ({"mean": (float("nan"),)}, "mean"),
    "mean of RGB": ({"mean": (0.5,) * 3, "std": (0.2,) * 3}, "3 and 3 values, and .* 1 channels"),
    "tuples": ({"val": (torch.zeros(1), torch.zeros(1))}, "val is tuple"),
}


def _cases() -> list[object]:
    cases = []
    for split in ("train", "val", "test"):
        for field, table in (("images", IMAGES), ("targets", TARGETS)):
            for name, (change, line) in table.items():
                label = f"{split} {field} {name}"
                cases.append(pytest.param(_part(split, field, change), line, id=label))
    for name, (fields, line) in WHOLE.items():
        cases.append(pytest.param(_replace(**fields), line, id=name))
    nothing = pytest.param(lambda _: None, r"load\(\) returned NoneType", id="nothing")
    return [*cases, nothing]


def _part(split: str, field: str, change: Callable[[Tensor], Any]) -> Callable[[Data], Data]:
    def changed(data: Data) -> Data:
        before: Split = getattr(data, split)
        part = dataclasses.replace(before, **{field: change(getattr(before, field))})
        return dataclasses.replace(data, **{split: part})  # type: ignore[arg-type]

    return changed


def _replace(**fields: Any) -> Callable[[Data], Data]:
    return lambda data: dataclasses.replace(data, **fields)


@pytest.mark.parametrize(("change", "line"), _cases())
def test_data_of_another_form_are_refused_in_one_line(
    change: Callable[[Data], Data], line: str
) -> None:
    """In training, in the checks before it and in a dry run; none trains on other pixels."""
    recipe = dataclasses.replace(RECIPE, dataset=Changed(SOURCE, change))
    with pytest.raises(ValueError, match=line) as error:
        Trial.prepare(recipe)
    assert "\n" not in str(error.value)
    (finding,) = run_preflight(recipe)
    assert (finding.check, finding.level, finding.message) == ("data", Level.STOP, str(error.value))
    with pytest.raises(ValueError, match=line):
        Few(recipe.dataset).load(0)


def test_images_that_are_read_when_asked_for_are_taken() -> None:
    """Of the right type and shape, they are trained on."""
    change = _part("train", "images", lambda x: Items(x, lambda image: image))
    recipe = dataclasses.replace(RECIPE, dataset=Changed(SOURCE, change))
    assert len(Trial.prepare(recipe).data.train) == 80
