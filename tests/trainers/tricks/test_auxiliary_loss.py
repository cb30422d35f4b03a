"""auxiliary_loss: what is added while training, and that nothing of it is left after."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)
from torchvision.models.googlenet import InceptionAux

from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.auxiliary import (
    AuxiliaryHead,
    auxiliary_heads,
)
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.result import count_flops, count_parameters
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import NotApplicable, Trick
from darkmagic.trainers.tricks.auxiliary_loss import AuxiliaryLoss
from darkmagic.trainers.tricks.label_smoothing import LabelSmoothing, smooth_targets

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
TARGETS = F.one_hot(torch.tensor([1, 3]), 10).float()


def where(model: nn.Module) -> list[str]:
    return [n for n, m in model.named_modules() if isinstance(m, AuxiliaryHead)]


@pytest.mark.parametrize(
    ("build", "place", "channels"),
    [
        (lambda: SmallResNet(20), "blocks.5.act2", 32),  # the second of three stages
        (torchvision.models.resnet50, "layer2.3.relu", 512),  # the third of five
        (lambda: torchvision.models.vgg11(init_weights=False), "features.9", 256),
    ],
    ids=["small", "resnet50", "vgg11"],
)
def test_it_is_on_the_middle_stage(build: type[nn.Module], place: str, channels: int) -> None:
    """At its end, after the sum and the activation of its last block."""
    edited = AuxiliaryLoss().edit_model(build(), torch.randn(2, 3, 64, 64))
    assert len(where(edited)) == 1
    assert where(edited)[0].startswith(place)
    (head,) = auxiliary_heads(edited)
    assert head.classify[1].in_channels == channels


def test_the_head_is_googlenets() -> None:
    """Torchvision's, but for its norm: 4 x 4, 128, 1024 units, dropout 0.7."""
    theirs = InceptionAux(512, 10)
    head = AuxiliaryHead(512, 10, 0.3).train()
    pool, convolution, _, _, hidden, _, dropout, classify = head.classify
    convolution.weight.data = theirs.conv.conv.weight
    nn.init.zeros_(convolution.bias)
    theirs.conv.bn = nn.Identity()
    hidden.load_state_dict(theirs.fc1.state_dict())
    classify.load_state_dict(theirs.fc2.state_dict())
    assert dropout.p == theirs.dropout.p
    dropout.eval()
    x = torch.randn(2, 512, 14, 14)
    assert head(x) is x
    torch.testing.assert_close(head.take_logits(), theirs.eval()(x))
    assert head.take_logits() is None  # once
    assert pool.output_size == 4


@pytest.mark.parametrize("loss", [Trick(), LabelSmoothing(0.1)], ids=["plain", "smoothed"])
def test_the_loss_is_a_weighted_sum_of_the_same_loss(loss: Trick) -> None:
    """Of the logits and of the head's, against the same targets."""
    torch.manual_seed(0)
    hooks = Hooks({"auxiliary_loss": AuxiliaryLoss(0.5), "label_smoothing": loss}, 0)
    model = hooks.edit_model(SmallResNet(8), EXAMPLE).train()
    (head,) = auxiliary_heads(model)
    logits = model(EXAMPLE)
    extra = head.take_logits()
    assert extra.shape == (2, 10)
    targets = TARGETS if type(loss) is Trick else smooth_targets(TARGETS, 0.1)
    expected = F.cross_entropy(logits, targets) + 0.5 * F.cross_entropy(extra, targets)
    head._logits = extra  # put back what was looked at
    torch.testing.assert_close(hooks.training_loss(model, logits, TARGETS), expected)
    assert torch.equal(hooks.training_loss(model, logits, TARGETS), loss.loss(logits, TARGETS))


def test_it_sends_gradients_half_way_and_no_further() -> None:
    """The stages after it get theirs from the end alone."""
    model = AuxiliaryLoss().edit_model(SmallResNet(8), EXAMPLE).train()
    model(EXAMPLE)
    auxiliary_heads(model)[0].take_logits().sum().backward()
    assert model.stem[0].weight.grad.abs().sum() > 0
    assert model.blocks[1].conv1.weight.grad.abs().sum() > 0
    assert model.blocks[2].conv1.weight.grad is None


def test_evaluation_does_not_know_of_it() -> None:
    """Neither outputs nor FLOPs, and no logits are left from an earlier step."""
    plain = SmallResNet(8).eval()
    model = AuxiliaryLoss().edit_model(copy.deepcopy(plain), EXAMPLE).train()
    assert torch.equal(copy.deepcopy(model).eval()(EXAMPLE), plain(EXAMPLE))
    model(EXAMPLE)
    model.eval()(EXAMPLE)
    assert auxiliary_heads(model)[0].take_logits() is None
    assert count_flops(model, EXAMPLE) == count_flops(plain, EXAMPLE)


def test_it_can_be_dropped() -> None:
    """What is left is the network as it was, tensor by tensor."""
    plain = SmallResNet(8)
    model = AuxiliaryLoss().edit_model(copy.deepcopy(plain), EXAMPLE)
    assert count_parameters(model) > count_parameters(plain)
    assert set(plain.state_dict()) < set(model.state_dict())
    dropped = AuxiliaryLoss().finish_model(model)
    assert [type(m) for m in dropped.modules()] == [type(m) for m in plain.modules()]
    assert list(dropped.state_dict()) == list(plain.state_dict())


def test_a_trial_counts_the_network_alone_and_resumes(tmp_path: Path) -> None:
    """Parameters and FLOPs are the baseline's; the head trains on from the checkpoint."""
    build = partial(SmallResNet, depth=8, width=4)
    recipe = Recipe(Shapes(count=80), build, {}, epochs=2, batch_size=16, device="cpu")
    for name in ("plain", "on"):
        (tmp_path / name).mkdir()
    plain = train(recipe, tmp_path / "plain")
    with_head = Recipe(**{**vars(recipe), "tricks": {"auxiliary_loss": AuxiliaryLoss()}})
    result = train(with_head, tmp_path / "on")
    assert (result.parameters, result.flops) == (plain.parameters, plain.flops)
    assert result.train_loss > plain.train_loss + 0.3
    checkpoint = torch.load(tmp_path / "on" / "checkpoint.pt", weights_only=False)
    assert any("auxiliary" in name for name in checkpoint["model"])
    assert train(with_head, tmp_path / "on").val_loss == result.val_loss


def test_one_stage_has_no_middle() -> None:
    """Nor has a network without convolutions."""
    for layers in ([nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(3600, 10)], [nn.Flatten()]):
        with pytest.raises(NotApplicable, match="the model has one stage"):
            AuxiliaryLoss().edit_model(nn.Sequential(*layers), EXAMPLE)


def test_weight_has_a_range() -> None:
    """Zero is no auxiliary loss."""
    with pytest.raises(ValueError, match="weight=0: need weight > 0"):
        AuxiliaryLoss(0)
