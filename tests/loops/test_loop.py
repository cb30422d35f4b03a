"""A recipe's tricks in a plain loop of torch: every hook has its place, or a line says not."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import darkmagic as dm
import darkmagic.loops.loop as loop_module
import darkmagic.loops.refusal as refusal_module
import darkmagic.trainers.step.eager as step_module
from darkmagic.checklist import UserError
from darkmagic.trainers import train
from darkmagic.trainers.models import SmallResNet
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks import (
    AuxiliaryLoss,
    BalancedWeights,
    BatchSize,
    CosinePowerCycles,
    EarlyStopping,
    Ema,
    GradientClipping,
    LabelSmoothing,
    LearningRate,
    Mixup,
    Sam,
    ScheduledWeightDecay,
    Sgd,
    Shuffle,
    SqueezeExcite,
    TrivialAugment,
    WeightDecay,
)

IN_HOOKS = {
    "conflict": "when a recipe's tricks are joined",
    "pretrained_share": "a figure of a trial's result",
}
"""Hooks that need no place of the loop's own."""
IMAGES = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(16) % 10


def _net() -> nn.Module:
    torch.manual_seed(0)
    return SmallResNet(depth=8, width=4, in_channels=1)


def _loop(**tricks: Any) -> dm.Loop:
    loop = dm.Recipe.of({"optimizer": Sgd(lr=0.1), **tricks}).attach(
        _net(), total_steps=10, epoch_steps=5
    )
    loop.num_classes = 10
    return loop


def _step(loop: dm.Loop) -> float:
    images, targets = loop.batch(IMAGES, CLASSES)
    loss = loop.loss(loop.model(images), targets)
    loss.backward()
    loop.step()
    return loss.item()


def test_plain_loop_has_every_trick() -> None:
    """Edits, mixing, the loss, gradients, rates, decay and the average act, each in its place."""
    loop = _loop(
        mixup=Mixup(1.0),
        label_smoothing=LabelSmoothing(0.1),
        squeeze_excite=SqueezeExcite(4),
        clipping=GradientClipping(1e-9),
        lr_regime=CosinePowerCycles(),
        decay=WeightDecay(5e-4),
        scheduled=ScheduledWeightDecay(),
        ema=Ema(),
    )
    assert loop.edits == {"squeeze_excite": "3 places"}
    before = [p.detach().clone() for p in loop.model.parameters()]
    group = loop.optimizer.param_groups[0]
    rates, decays = [], []
    for _ in range(10):
        _step(loop)
        rates.append(group["lr"])
        decays.append(group["weight_decay"])
    expected = CosinePowerCycles()
    assert rates == [pytest.approx(0.1 * expected.lr_factor(x / 10)) for x in range(1, 11)]
    assert decays == sorted(decays)
    moved = max(
        (a - b).abs().max().item() for a, b in zip(loop.model.parameters(), before, strict=True)
    )
    assert 0 < moved < 1e-2  # clipped to next to nothing, decayed
    assert loop.evaluated is loop.average is loop.finish()


def test_step_is_that_of_our_own_loop() -> None:
    """The same batches give the same weights as `train_step`, which is our loop's step."""
    weights = []
    for whole in (False, True):
        loop = _loop(mixup=Mixup(1.0), lr_regime=CosinePowerCycles(), clipping=GradientClipping())
        for _ in range(4):
            if whole:
                loop.train_step(*loop.batch(IMAGES, CLASSES))
            else:
                _step(loop)
        weights.append(torch.cat([p.detach().flatten() for p in loop.model.parameters()]))
    assert torch.equal(*weights)


def test_loop_goes_on_from_its_state() -> None:
    """Steps, rates, draws and the average go on where a checkpoint was."""
    whole = _loop(mixup=Mixup(1.0), lr_regime=CosinePowerCycles(), ema=Ema())
    for _ in range(10):
        _step(whole)
    first = _loop(mixup=Mixup(1.0), lr_regime=CosinePowerCycles(), ema=Ema())
    for _ in range(5):
        _step(first)
    states = first.state_dict(), first.model.state_dict(), first.optimizer.state_dict()
    again = _loop(mixup=Mixup(1.0), lr_regime=CosinePowerCycles(), ema=Ema())
    again.model.load_state_dict(states[1])
    again.optimizer.load_state_dict(states[2])
    again.load_state_dict(states[0])
    for _ in range(5):
        _step(again)
    for one, other in zip(whole.evaluated.parameters(), again.evaluated.parameters(), strict=True):
        assert torch.equal(one, other)


def test_sam_takes_a_whole_step() -> None:
    """An optimizer that takes the gradient twice is stepped by `train_step`, as in our loop."""
    loop = dm.Recipe.of({"optimizer": Sam()}).attach(_net(), total_steps=4)
    loop.num_classes = 10
    first = float(loop.train_step(*loop.batch(IMAGES, CLASSES)))
    for _ in range(3):
        last = float(loop.train_step(*loop.batch(IMAGES, CLASSES)))
    assert last < first


def test_own_optimizer_takes_the_rates_of_the_recipe() -> None:
    """Its own lr is the base, which the regime and the factor of the rate multiply."""
    recipe = dm.Recipe.of({"lr_regime": CosinePowerCycles(), "rate": LearningRate(2.0)})
    loop = recipe.attach(_net(), total_steps=10)
    loop.take_optimizer(torch.optim.AdamW(loop.model.parameters(), lr=0.01))
    loop.num_classes = 10
    _step(loop)
    expected = 0.02 * CosinePowerCycles().lr_factor(0.1)
    assert loop.optimizer.param_groups[0]["lr"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("tricks", "says"),
    [
        ({"shuffle": Shuffle("never")}, "shuffle acts where images are read and scaled"),
        ({"weights": BalancedWeights()}, "weights acts where images are read and scaled"),
        ({"batch": BatchSize(4.0)}, "a trick changes batch_size, which your loop sets itself"),
    ],
    ids=str,
)
def test_trick_of_our_data_is_refused(tricks: dict[str, Any], says: str) -> None:
    """What a loop of one's own does itself is no part of its recipe."""
    with pytest.raises(ValueError, match=says):
        dm.Recipe.of(tricks).attach(_net())


@pytest.mark.parametrize(
    ("tricks", "says"),
    [
        ({"mixup": Mixup()}, "mixup has no place in this loop: call images, targets = loop.batch"),
        ({"smooth": LabelSmoothing()}, r"smooth has no place in this loop: .* loop\.loss\(logits"),
        ({"auxiliary": AuxiliaryLoss()}, "auxiliary has no place in this loop"),
        ({"augmentation": TrivialAugment()}, "call images = loop.augment"),
    ],
    ids=str,
)
def test_trick_that_a_loop_leaves_out_is_found_at_the_first_step(
    tricks: dict[str, Any], says: str
) -> None:
    """No trick is silently without effect."""
    loop = _loop(**tricks)
    nn.functional.cross_entropy(loop.model(IMAGES), CLASSES).backward()
    with pytest.raises(ValueError, match=says):
        loop.step()


def test_optimizers_that_do_not_fit_are_refused() -> None:
    """Two of them, one made before the edits, and none at all."""
    sgd = torch.optim.SGD(_net().parameters())
    with pytest.raises(ValueError, match=r"the recipe has an optimizer .* keep one"):
        dm.Recipe.of({"optimizer": Sgd(lr=0.1)}).attach(_net(), optimizer=sgd)
    net = _net()
    early = torch.optim.SGD(net.parameters())
    with pytest.raises(ValueError, match="which the tricks put in: make it after attach"):
        dm.Recipe.of({"squeeze_excite": SqueezeExcite()}).attach(net, optimizer=early)
    with pytest.raises(ValueError, match="the recipe names no optimizer; give yours"):
        _ = dm.Recipe.of({"mixup": Mixup()}).attach(_net()).optimizer
    with pytest.raises(ValueError, match="give total_steps"):
        _step_without_total()


def _step_without_total() -> None:
    loop = dm.Recipe.of({"optimizer": Sgd(lr=0.1), "lr": CosinePowerCycles()}).attach(_net())
    loop.schedule()


def test_every_hook_has_a_place_in_a_loop_or_is_refused() -> None:
    """A hook that is new to tricks is to be called by the loop, or to be refused by it."""
    hooks = {n for n, f in vars(Trick).items() if inspect.isfunction(f) and not n.startswith("_")}
    modules = (loop_module, refusal_module, step_module)
    source = "".join(inspect.getsource(module) for module in modules)
    missing = {name for name in hooks if name not in source and name not in IN_HOOKS}
    assert not missing


def test_early_stopping_is_asked_for() -> None:
    """The loop says its validation losses, and whether to stop comes back."""
    loop = _loop(early=EarlyStopping(patience=2))
    assert not loop.should_stop([0.9, 0.8])
    assert loop.should_stop([0.9, 0.6, 0.61, 0.6])


LINES = "tricks: {mixup: on, label_smoothing: 0.0, optimizer: adamw}\nadam_lr: 0.5\nseed: 3\n"


def test_short_file_has_the_tricks_that_it_names(tmp_path: Path) -> None:
    """Options are the command line's, settings go into them, and no default trick comes along."""
    (tmp_path / "recipe.yaml").write_text(LINES)
    recipe = dm.Recipe.from_yaml(tmp_path / "recipe.yaml")
    assert sorted(recipe.tricks) == ["label_smoothing", "mixup", "optimizer"]
    assert recipe.tricks["optimizer"].lr == 0.5
    assert recipe.seed == 3
    with pytest.raises(ValueError, match="this recipe has no data of its own"):
        train(recipe, tmp_path)


CONFIG = """
dataset: {name: tiny, source: {_target_: darkmagic.trainers.data.Shapes, count: 80, size: 8,
  channels: 1}}
model: {name: net, build: {_target_: darkmagic.trainers.models.SmallResNet, _partial_: true,
  width: 4}}
tricks:
  mixup: {_target_: darkmagic.trainers.tricks.mixup.Mixup, alpha: 0.4}
  optimizer: {_target_: darkmagic.trainers.tricks.optimizer.Sgd, lr: 0.1}
epochs: 1
batch_size: 16
seed: 5
runtime: {device: cpu, workers: 0}
"""


def test_file_of_a_trial_is_its_recipe(tmp_path: Path) -> None:
    """A trial's `config.yaml` has its data and its network too, and can be trained as it is."""
    (tmp_path / "config.yaml").write_text(CONFIG)
    recipe = dm.Recipe.from_yaml(tmp_path / "config.yaml")
    assert recipe.tricks["mixup"] == Mixup(alpha=0.4)
    assert (recipe.seed, recipe.epochs) == (5, 1)
    assert train(recipe, tmp_path).status == "finished"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is no mapping; write tricks:"),
        ("epochs: 3", "has no tricks; write tricks:"),
        ("tricks: [mixup]", "has no tricks"),
        ("tricks: {mixpu: on}", "no trick 'mixpu'; did you mean mixup"),
        ("tricks: {mixup: much}", "no option 'much' of trick/mixup"),
        ("tricks: {mixup: {alpha: 1}}", "trick mixup is a mapping without _target_"),
        ("tricks: {mixup: on}\nepoch: 3", "no key 'epoch'; did you mean epochs"),
        ("tricks: {mixup: on}\nepochs: 0", "epochs=0"),
        ("tricks: {mixup: {_target_: darkmagic.trainers.tricks.mixup.Mixup, alpha: -1}}", "alpha"),
        (
            "tricks: {mixup: {_target_: darkmagic.trainers.tricks.mixup.Mixop}}",
            "did you mean Mixup",
        ),
        ("tricks: {mixup: on", "cannot read .*recipe.yaml"),
        ("tricks: {mixup: on, mixup: off}", "found duplicate key mixup"),
        ("tricks: {mixup: on}\nlr: 0.1\nlr: 0.2", "found duplicate key lr"),
    ],
)
def test_file_that_cannot_be_read_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    """It names the file, what is wrong and the nearest choice."""
    (tmp_path / "recipe.yaml").write_text(text)
    with pytest.raises(UserError, match=says) as refused:
        dm.Recipe.from_yaml(tmp_path / "recipe.yaml")
    assert "recipe.yaml" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_file_that_is_not_there_is_named_with_the_nearest(tmp_path: Path) -> None:
    """A typo in the file's name is found."""
    (tmp_path / "recipe.yaml").write_text(LINES)
    with pytest.raises(UserError, match=r"no file .*recpie\.yaml; did you mean recipe\.yaml"):
        dm.Recipe.from_yaml(tmp_path / "recpie.yaml")
