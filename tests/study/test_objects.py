"""Models and data sets as Python objects: what is taken, and what a refusal says to give."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import darkmagic as dm
from darkmagic.checklist import UserError
from darkmagic.study.objects import data_words, model_words
from darkmagic.study.words import as_words
from darkmagic.trainers.data import Digits
from darkmagic.trainers.models import SmallResNet

RESNET = "darkmagic.trainers.models.resnet.SmallResNet"


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("resnet20", ["model=resnet20"]),
        ("timm:vit_tiny_patch16_224", ["model=timm", "model.build.name='vit_tiny_patch16_224'"]),
        ("torchvision:resnet18", ["model=torchvision", "model.build.name=resnet18"]),
        ("my.nets.Net", ["model=own", "model.name=Net", "model.build._target_=my.nets.Net"]),
        (SmallResNet, ["model=own", "model.name=SmallResNet", f"model.build._target_={RESNET}"]),
        (
            {"_target_": RESNET, "depth": 14},
            ["model=own", "model.name=SmallResNet", f"model.build._target_={RESNET}",
             "+model.build.depth=14"],
        ),
        (
            functools.partial(SmallResNet, width=4),
            ["model=own", "model.name=SmallResNet", f"model.build._target_={RESNET}",
             "+model.build.width=4"],
        ),
    ],
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", repr(value)),
)  # fmt: skip
def test_model_is_written_as_words(model: Any, words: list[str]) -> None:
    """Names, mappings, classes and partials of them are plain words of the command line."""
    found = list(model_words(model))
    assert [word.replace("'", "") for word in found] == [word.replace("'", "") for word in words]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("cifar10", ["dataset=cifar10"]),
        (Path("photos"), ["dataset=folder", "dataset.source.root=photos"]),
        ("./photos", ["dataset=folder", "dataset.source.root='./photos'"]),
        (
            "my.sets.Mine",
            ["dataset=own", "dataset.name=Mine", "dataset.source._target_=my.sets.Mine"],
        ),
        (
            Digits(val_fraction=0.25),
            ["dataset=own", "dataset.name=digits",
             "dataset.source._target_=darkmagic.trainers.data.digits.Digits",
             "+dataset.source.val_fraction=0.25", "+dataset.source.test_fraction=0.2"],
        ),
    ],
    ids=lambda value: re.sub(" at 0x[0-9a-f]+", "", repr(value)),
)  # fmt: skip
def test_data_are_written_as_words(data: Any, words: list[str]) -> None:
    """Names, folders and data sets whose fields are plain are words of the command line."""
    assert list(data_words(data)) == words


def test_what_a_notebook_defines_is_kept_by_value() -> None:
    """A lambda has no name to import, so that the words name its digest."""
    words = list(model_words(lambda num_classes: nn.Linear(64, num_classes)))
    assert "model.build._target_=darkmagic.study.by_value.load" in words
    assert any(word.startswith("+model.build.digest=") for word in words)
    words = list(data_words(lambda: Digits()))  # noqa: PLW0108 (a lambda is what is tried)
    assert "dataset.source._target_=darkmagic.study.by_value.call" in words


IMAGES = torch.zeros(2, 1, 8, 8)


@pytest.mark.parametrize(
    ("give", "says"),
    [
        ({"model": nn.Linear(2, 2)}, "model is a live Linear, which every trial would train furth"),
        ({"model": SmallResNet()}, r"model=lambda num_classes: SmallResNet\(\.\.\.\)"),
        ({"model": 3}, "model is 3; give model=resnet20, model='my_package.MyNet' or a function"),
        ({"model": {"depth": 3}}, "model is a mapping without _target_"),
        (
            {"model": lambda depth: [depth]},
            r"model=<lambda> needs depth, and it is given only num_cl",
        ),
        ({"model": nn.Conv2d}, r"needs out_channels, .*functools.partial\(Conv2d, out_channels="),
        ({"model": "resnet2O"}, "no option 'resnet2O' of model .*; did you mean .*resnet20"),
        ({"model": "torch.nn.Lineer"}, "did you mean Linear"),
        ({"data": TensorDataset(IMAGES)}, "data is a live TensorDataset, .* data=lambda: "),
        ({"data": DataLoader(TensorDataset(IMAGES))}, "data is a live DataLoader"),
        ({"data": IMAGES}, "data is a live Tensor"),
        ({"data": lambda root: root}, "data=<lambda> needs root, and it is given nothing"),
        ({"data": "cifar11"}, "no option 'cifar11' of dataset .*; did you mean cifar10"),
        ({"epoch": 3}, "no key 'epoch'; did you mean epochs"),
        ({"epochs": torch.optim.SGD}, "epochs is a type, which no configuration can hold"),
        ({"epochs": 0}, "epochs=0"),
        ({"runtime": {"devise": "cpu"}}, r"no key 'runtime\.devise'; did you mean runtime\.device"),
        ({"tricks": {"mixup": ["off"]}}, "trick 'mixup' needs two options or more"),
        ({"tricks": {"mixup": "on"}}, "trick 'mixup' needs two options or more"),
        ({"tricks": ["mixup"]}, r"tricks=\['mixup'\]: write {'mixup': \['off', 'on'\]}"),
        ({"tricks": {"mixup": True}}, "trick 'mixup' needs two options or more"),
        ({"tricks": {"mixpu": ["off", "on"]}}, "names trick 'mixpu', .*; did you mean mixup"),
        ({"tricks": {"mixup": ["off", "much"]}}, "no option 'much'"),
        ({"name": "artcile"}, "no option 'artcile' of checklist .*; did you mean article"),
        ({"config_dirs": ["nowhere"]}, "no folder nowhere"),
        ({"seeds": "+x"}, r"cannot add '\+x' seeds"),
    ],
    ids=lambda value: value[:40] if isinstance(value, str) else "-".join(value),
)
def test_bad_input_is_one_line_with_what_to_give(give: dict[str, Any], says: str) -> None:
    """Each is refused when the study is made, before anything is planned or trained."""
    with pytest.raises(UserError, match=says) as refused:
        dm.checklist(**give)
    assert "\n" not in str(refused.value)
    assert not list(Path.cwd().glob("runs"))


def test_word_that_is_no_text_is_one_line() -> None:
    """An override is a text, as on the command line."""
    with pytest.raises(UserError, match="5 is no override; write 'epochs=5'"):
        dm.checklist("article", 5)  # type: ignore[arg-type]


def test_numbers_of_numpy_and_torch_are_numbers() -> None:
    """A loop over `numpy.arange` gives settings that are no Python numbers."""
    words = as_words({"lr": torch.tensor(0.5), "epochs": np.arange(4)[3], "amp": "off"})
    assert list(words) == ["lr=0.5", "epochs=3", "amp='off'"]
