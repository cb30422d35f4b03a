"""activation_order: before the pooling between stages or after it."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.activation import Activation
from darkmagic.trainers.tricks.activation_order import ActivationOrder
from two_stages import kinds, two_stages

CONTRACT = {
    "changes": ["loss", "update"],
    "beside": {"stem_activation": "swish"},
    "network": "pooled",
}

EXAMPLE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("act", [nn.ReLU, nn.SiLU])
@pytest.mark.parametrize("order", ["before", "after"])
@pytest.mark.parametrize("after", [False, True])
def test_order_is_as_asked(act: type[nn.Module], order: str, after: bool) -> None:
    """From either order; ReLU commutes with the maximum and swish does not."""
    torch.manual_seed(0)
    model = two_stages(act, after=after)
    nn.init.constant_(model[0].bias, -1)  # so that some maxima are negative
    conv, rest = model[0], model[3:]
    f, pool = act(), nn.MaxPool2d(3, 2, 1)
    orders = {"before": rest(pool(f(conv(EXAMPLE)))), "after": rest(f(pool(conv(EXAMPLE))))}
    edited = ActivationOrder(order).edit_model(model, EXAMPLE)
    assert torch.equal(edited(EXAMPLE), orders[order])
    assert torch.equal(orders["before"], orders["after"]) is (act is nn.ReLU)
    edited(EXAMPLE).sum().backward()


def test_resnet18_activates_its_stem_after_pooling() -> None:
    """Where one ReLU serves many places in the network, that one alone moves."""
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=10).eval()
    model = Activation("gelu").edit_model(model, EXAMPLE)
    edited = ActivationOrder("after").edit_model(copy.deepcopy(model), EXAMPLE)
    assert kinds(edited).count("GELU") == kinds(model).count("GELU")
    stem = F.gelu(model.maxpool(model.bn1(model.conv1(EXAMPLE))))
    maps = nn.Sequential(model.layer1, model.layer2, model.layer3, model.layer4)(stem)
    torch.testing.assert_close(edited(EXAMPLE), model.fc(maps.mean((2, 3))))


def test_order_needs_a_pair() -> None:
    """But before, the baseline, does not."""
    with pytest.raises(NotApplicable, match="no activation right before or after"):
        ActivationOrder("after").edit_model(SmallResNet(8), EXAMPLE)
    assert isinstance(ActivationOrder().edit_model(SmallResNet(8), EXAMPLE), SmallResNet)


def test_orders_are_listed() -> None:
    """In the message."""
    with pytest.raises(ValueError, match=r"between.*choose from before, after"):
        ActivationOrder("between")
