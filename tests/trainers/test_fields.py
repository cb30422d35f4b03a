"""Fields that are declared once, where objects are made of them."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
from collections import Counter
from typing import Annotated, Any

import pytest
import torch

from darkmagic.sweeps.compose.checks.declarations import target_fields
from darkmagic.trainers import tricks
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.fields import check_arguments, declared_fields, number, size, whole
from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import TrialSkipped, Trick
from darkmagic.trainers.tricks import blurpool, convolution, pretrain, scheduled_weight_decay
from darkmagic.trainers.tricks.augmentation import Blur
from darkmagic.trainers.tricks.cutout import Cutout
from darkmagic.trainers.tricks.lr_regime import GammaDecay
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.progressive_resizing import ProgressiveResizing
from darkmagic.trainers.tricks.shuffle import Shuffle

MODULES = [
    importlib.import_module(f"darkmagic.trainers.tricks.{module.name}")
    for module in pkgutil.iter_modules(tricks.__path__)
]
CLASSES = [
    found
    for module in MODULES
    for name, found in inspect.getmembers(module, inspect.isclass)
    if issubclass(found, Trick) and found.__module__ == module.__name__ == found.__module__
    if name == found.__name__ and not name.startswith("_")
]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GammaDecay(final=-1), "final=-1: need 0 < final <= 1"),
        (lambda: Sgd(lr=math.nan), "lr=nan: need lr > 0, and finite"),
        (lambda: Sgd(momentum=0.0, nesterov=True), "need not nesterov or momentum > 0"),
        (lambda: Cutout(pixels=65), "pixels=65, reference_size=32: need pixels <= 2"),
        (lambda: Cutout(pixels=True), "pixels=true: pixels takes a whole number"),
        (lambda: ProgressiveResizing(delay=0.8), "delay=0.8, finish=0.2: need delay"),
        (lambda: Blur(sigma=(2, 1)), r"sigma=.2, 1.: need .low, high. with 0 < low <= high"),
        (lambda: Shuffle("sometimes"), "when=sometimes: choose from every_epoch, once, never"),
        (lambda: SmallResNet(width=0), "width=0: need 1 or more"),
        (lambda: SmallResNet(8, 4, num_classes=0), "num_classes=0: need 1 or more"),
        (lambda: timm_classifier("", 2, 3), "name='': need text that is not empty"),
        (lambda: Folder("photos", size=(8, 0)), "size=.8, 0.: need a whole number or"),
        (lambda: Folder("photos", channels=2), "channels=2: need channels == 1 or channels == 3"),
        (lambda: Shapes(val_fraction=0.8), "need val_fraction . test_fraction < 1"),
    ],
)
def test_object_out_of_range_is_refused_in_one_line(make: Any, message: str) -> None:
    """Who builds a trick in Python reads the same line as who configures it."""
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


@check_arguments
def _rate(value: Annotated[float | None, number(above=0)] = None, *, other: int = 1) -> float:
    return (value or 0) * other


def test_checked_function_keeps_its_signature_and_errors() -> None:
    """A function with declared arguments takes, returns and raises what it does without."""
    assert list(inspect.signature(_rate).parameters) == ["value", "other"]
    assert (_rate(), _rate(None), _rate(2.0, other=2)) == (0, 0, 4)
    with pytest.raises(ValueError, match="value=0: need value > 0, or null"):
        _rate(value=0)
    with pytest.raises(TypeError, match=r"_rate\(\) got an unexpected keyword argument 'third'"):
        _rate(third=0)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (14, None),
        (8, None),
        (-20, "need 8 <= depth <= 50 in steps of 6, such as 8"),
        (9, "need 8 <= depth <= 50 in steps of 6, such as 8 or 14"),
        (49, "need 8 <= depth <= 50 in steps of 6, such as 44 or 50"),
        (51, "need 8 <= depth <= 50 in steps of 6, such as 50"),
        (99, "need 8 <= depth <= 50 in steps of 6"),
        (8.0, "depth takes a whole number"),
    ],
)
def test_number_with_a_step_names_the_nearest_values(value: float, message: str | None) -> None:
    """The message has the valid values nearest to the given one."""
    declared = whole(at_least=8, at_most=50, step=6).metadata["declared"]
    assert declared.problem("depth", value) == message


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        *((each, True) for each in (1, 8, [8, 12], (8, 12), None)),
        *((each, False) for each in (0, 1.5, True, "8", [8], [8, 0], [8, 8, 8], [8, 1.5], {})),
    ],
)
def test_size_is_one_number_or_two(value: Any, valid: bool) -> None:
    """A size is a whole number or [height, width], each within the range."""
    declared = size(None, at_least=1).metadata["declared"]
    assert (declared.problem("size", value) is None) is valid


def test_recipe_holds_its_numbers_to_their_ranges() -> None:
    """A recipe cannot be made of a number outside its range."""
    with pytest.raises(ValueError, match="epochs=0: need 1 or more"):
        Recipe(Shapes(), SmallResNet, {}, epochs=0, batch_size=1)
    with pytest.raises(ValueError, match="device=gpu: need auto, cpu, cuda or a GPU"):
        Recipe(Shapes(), SmallResNet, {}, epochs=1, batch_size=1, device="gpu")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_source_declares_what_the_class_does(cls: type[Trick]) -> None:
    """Declarations read from source, without an import, are those of the imported class."""
    fields = target_fields(f"{cls.__module__}.{cls.__name__}")
    assert fields is not None
    assert fields.declared == declared_fields(cls)
    assert fields.constraints == cls.constraints


def test_no_two_tricks_share_a_class_name() -> None:
    """A class's name says which trick it is."""
    counts = Counter(cls.__name__.lower() for cls in CLASSES)
    assert max(counts.values()) == 1


def test_class_of_a_trick_has_the_name_of_its_file() -> None:
    """A file with one class has its name, in capitals."""
    for module in MODULES:
        names = [cls.__name__ for cls in CLASSES if cls.__module__ == module.__name__]
        if len(names) == 1:
            assert names[0].lower() == module.__name__.rpartition(".")[2].replace("_", "")


def test_former_class_names_keep_working() -> None:
    """A configuration that names a class as it was called before gets the class of today."""
    assert blurpool.Blur is blurpool.BlurPool
    assert convolution.DepthwiseSeparable is convolution.Convolution
    assert pretrain.Pretrained is pretrain.Pretrain
    assert scheduled_weight_decay.LinearWeightDecay.__name__ == "ScheduledWeightDecay"


def test_model_without_weights_skips_the_trial() -> None:
    """A model that names no pretrained weights costs one row, not the checklist."""
    with pytest.raises(TrialSkipped, match=r"model\.pretrained is null"):
        pretrain.Pretrain(None).edit_model(SmallResNet(8, 4, 10, 1), torch.zeros(2, 1, 8, 8))
