"""The tricks as functions: each is its hook, with the hook's fields, and none is missing."""

from __future__ import annotations

import ast
import dataclasses
import doctest
import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import darkmagic as dm
import darkmagic.trainers.tricks
from darkmagic.trainers.models import SmallResNet
from darkmagic.trainers.trick import NotApplicable, Trick
from darkmagic.trainers.tricks import Mixup
from darkmagic.tricks.editing import guess_example

HOOKS = ("augment", "transform_batch", "edit_model", "loss", "transform_gradients", "lr_factor")
"""Those that are one call on what a loop of one's own has."""
LEFT_OUT = {
    "AuxiliaryLoss": "its head needs `extra_loss` in every step: a recipe has both",
    "BatchSize": "it changes numbers of a recipe",
    "InputGeometry": "its edit checks that a network takes the sizes that it will be given",
    "ProgressiveResizing": "as InputGeometry",
    "Pretrain": "`load_state_dict` of one's own does it",
    "FreezeAllButHead": "freeze_all_but_head freezes what was trained elsewhere, weights or not",
    "FreezeFirstStage": "as FreezeAllButHead",
    "LowerLr": "it needs the optimizer's groups",
    "ScheduleFree": "an optimizer, whose factor is its own warm-up",
}
FUNCTIONS = {
    name: getattr(module, name)
    for module in (dm.tricks, dm.schedules)
    for name in module.__all__
    if name not in ("of_tricks", "freeze_all_but_head", "freeze_first_stage")
}
OWN = ("model", "example", "images", "targets", "num_classes", "generator", "logits", "parameters")
OWN += ("optimizer", "total_steps")


def _classes() -> dict[str, type[Trick]]:
    package = darkmagic.trainers.tricks
    found = {}
    for file in pkgutil.iter_modules(package.__path__):
        module = importlib.import_module(f"{package.__name__}.{file.name}")
        found |= {
            n: c
            for n, c in vars(module).items()
            if inspect.isclass(c) and n == c.__name__ and _is_own(c, module)
        }
    return found


def _is_own(cls: type, module: Any) -> bool:
    return issubclass(cls, Trick) and cls.__module__ == module.__name__


def _trick_of(function: Callable[..., Any]) -> type[Trick]:
    """Return the trick that `function` makes, by the one call in its source to a class of them."""
    tree = ast.parse(inspect.getsource(function))
    calls = [
        n.func.id
        for n in ast.walk(tree)
        if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)
    ]
    (name,) = [name for name in calls if name in CLASSES]
    return CLASSES[name]


CLASSES = _classes()


def test_every_trick_that_is_one_call_has_a_function() -> None:
    """A new trick with such a hook is to have one, or a reason."""
    one_call = {
        name
        for name, cls in CLASSES.items()
        if not name.startswith("_")
        and any(getattr(cls, hook) is not getattr(Trick, hook) for hook in HOOKS)
    }
    have = {_trick_of(function).__name__ for function in FUNCTIONS.values()}
    assert one_call - set(LEFT_OUT) == have
    assert set(LEFT_OUT) <= one_call


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function_has_the_fields_of_its_trick(name: str) -> None:
    """In their order, with their types and defaults; ranges are checked where the trick is made."""
    function = FUNCTIONS[name]
    parameters = inspect.signature(function).parameters.values()
    given = [(p.name, p.default) for p in parameters if p.name not in OWN]
    fields = (
        dataclasses.fields(_trick_of(function))
        if dataclasses.is_dataclass(_trick_of(function))
        else ()
    )
    assert given == [(field.name, field.default) for field in fields]


def test_draws_are_those_of_the_hook() -> None:
    """The same generator gives the numbers of a trial; torch's global one is used without."""
    images, targets = torch.rand(8, 3, 8, 8), torch.eye(8)
    ours = dm.tricks.mixup(images, targets, 0.4, generator=torch.Generator().manual_seed(7))
    hook = darkmagic.trainers.tricks.Mixup(0.4).transform_batch(
        images, targets, torch.Generator().manual_seed(7)
    )
    assert all(torch.equal(a, b) for a, b in zip(ours, hook, strict=True))
    torch.manual_seed(3)
    first = dm.tricks.mixup(images, targets)[0]
    second = dm.tricks.mixup(images, targets)[0]
    torch.manual_seed(3)
    assert torch.equal(dm.tricks.mixup(images, targets)[0], first)
    assert not torch.equal(first, second)


def test_edit_draws_from_the_global_generator() -> None:
    """Two networks of one seed are the same, as all of torch's are."""
    made = []
    for _ in range(2):
        torch.manual_seed(1)
        made.append(dm.tricks.add_squeeze_excite(SmallResNet(depth=8, width=4), ratio=4))
    for one, other in zip(*(net.parameters() for net in made), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(
    ("call", "error", "says"),
    [
        (lambda: dm.tricks.mixup(torch.rand(2, 1, 4, 4), torch.tensor([0, 1])), ValueError,
         "give num_classes=K"),
        (lambda: dm.tricks.mixup(torch.rand(2, 1, 4, 4), torch.rand(2)), ValueError,
         r"targets are torch.float32 \(2,\)"),
        (lambda: dm.tricks.mixup(torch.rand(2, 1, 4, 4), torch.eye(2), 0), ValueError, "alpha"),
        (lambda: dm.tricks.rotate(torch.rand(2, 1, 4, 4)), ValueError, "give uint8"),
        (lambda: dm.tricks.add_squeeze_excite(nn.Linear(3, 2)), ValueError, "give example="),
        (lambda: dm.tricks.add_squeeze_excite(nn.Sequential(nn.Flatten(), nn.LazyLinear(2))),
         NotApplicable, "the model has no convolution"),
        (lambda: dm.tricks.add_squeeze_excite(SmallResNet(depth=8), ratio=0), ValueError, "ratio"),
        (lambda: dm.tricks.replace_norms(SmallResNet(depth=8), "bach"), ValueError, "batch"),
        (lambda: dm.schedules.cosine(torch.optim.SGD([nn.Parameter(torch.ones(1))]), 0), ValueError,
         "total_steps=0"),
        (lambda: dm.tricks.mixpu, AttributeError, "did you mean mixup"),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(call: Callable[[], Any], error: type[Exception], says: str) -> None:
    """What, and what to give."""
    with pytest.raises(error, match=says) as refused:
        call()
    assert "\n" not in str(refused.value)


IMAGES, LABELS = torch.rand(4, 3, 8, 8), torch.arange(4)
SGD = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
NET = SmallResNet(depth=8)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: dm.tricks.mixup((255 * IMAGES).byte(), LABELS, num_classes=4), "give floats"),
        (lambda: dm.tricks.mixup(IMAGES, LABELS[:3], num_classes=4), "4 images and 3 targets"),
        (lambda: dm.tricks.mixup(IMAGES, LABELS, num_classes=3), "from 0 to 3; num_classes=3"),
        (lambda: dm.tricks.cutmix(IMAGES, LABELS - 1, num_classes=4), "from -1 to 2; num_classes"),
        (lambda: dm.tricks.mixup(IMAGES.numpy(), LABELS, num_classes=4), "images are ndarray"),
        (lambda: dm.tricks.mixup(IMAGES, [0, 1, 2, 3], num_classes=4), "targets are list"),
        (lambda: dm.tricks.cutmix(IMAGES[0], LABELS[:3], num_classes=4), "give floats"),
        (lambda: dm.tricks.cutout(IMAGES, generator=0), "torch.Generator().manual_seed(0)"),
        (lambda: dm.tricks.cutout(IMAGES, generator="x"), "generator is str"),
        (lambda: dm.tricks.random_erasing(IMAGES.long()), "give floats"),
        (lambda: dm.tricks.rotate(IMAGES.numpy()), "images are ndarray"),
        (lambda: dm.tricks.smoothed_cross_entropy(IMAGES[0, 0], LABELS.repeat(2) + 8), "classes"),
        (lambda: dm.tricks.add_squeeze_excite(SmallResNet), "give a network, SmallResNet()"),
        (lambda: dm.tricks.freeze_all_but_head(None), "model is NoneType"),
        (lambda: dm.tricks.clip_gradients(NET), "network.parameters()"),
        (lambda: dm.schedules.cosine(SGD, 1.5), "total_steps=1.5: total_steps takes a whole"),
        (lambda: dm.schedules.step(SGD, "9"), "total_steps='9': total_steps takes a whole"),
        (lambda: dm.schedules.warmup(NET, 9), "optimizer is SmallResNet"),
        (lambda: dm.Recipe.of({"m": Mixup()}).attach(NET, total_steps=0), "total_steps=0: need 1"),
        (lambda: dm.Recipe.of({"m": Mixup()}).attach(SmallResNet), "is the class SmallResNet"),
    ],
)
def test_what_a_function_cannot_take_is_one_line(call: Callable[[], Any], says: str) -> None:
    """It says what came and what to give, where torch's own error would be about its insides."""
    with pytest.raises((TypeError, ValueError), match=re.escape(says)) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_gradient_of_one_parameter_is_clipped() -> None:
    """As torch takes it: a tensor is no list of its rows, which have no gradients."""
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, 4.0])
    dm.tricks.clip_gradients(weight, max_norm=1.0)
    assert weight.grad.norm().item() == pytest.approx(1.0)


@pytest.mark.parametrize("name", [name for name in dm.schedules.__all__ if name != "of_tricks"])
def test_schedule_is_a_scheduler_of_torch(name: str) -> None:
    """It composes with torch's own, and goes on from its state where it was."""

    def make() -> tuple[torch.optim.Optimizer, Any]:
        optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.5)
        return optimizer, getattr(dm.schedules, name)(optimizer, 20)

    optimizer, scheduler = make()
    assert isinstance(scheduler, torch.optim.lr_scheduler.LRScheduler)
    rates = []
    for _ in range(20):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        if len(rates) == 10:
            state = scheduler.state_dict()
            optimizer, scheduler = make()
            scheduler.load_state_dict(state)
            optimizer.param_groups[0]["lr"] = scheduler.get_last_lr()[0]
    trick = _trick_of(FUNCTIONS[name])()
    assert rates == [pytest.approx(0.5 * trick.lr_factor(step / 20)) for step in range(20)]


@pytest.mark.parametrize(("side", "channels"), [(28, 1), (32, 3), (64, 3)])
def test_example_is_guessed_where_one_of_the_usual_sizes_fits(side: int, channels: int) -> None:
    """A network with a fixed size says it through its layers alone."""
    net = nn.Sequential(nn.Conv2d(channels, 2, 1), nn.Flatten(), nn.Linear(2 * side * side, 3))
    if side in (32, 64):
        assert guess_example(net).shape == (2, channels, side, side)
    else:
        with pytest.raises(ValueError, match="give example="):
            guess_example(net)


@pytest.mark.parametrize("name", dm.schedules.__all__)
def test_example_of_a_schedule_gives_what_it_shows(name: str) -> None:
    """Those of `darkmagic.tricks` are tried with all other public names."""
    function = getattr(dm.schedules, name)
    globs = {**vars(dm.schedules), "torch": torch}
    (found,) = doctest.DocTestFinder(recurse=False).find(function, name, globs=globs)
    runner = doctest.DocTestRunner(verbose=False)
    runner.run(found)
    assert runner.summarize(verbose=False).attempted > 0
    assert runner.summarize(verbose=False).failed == 0
