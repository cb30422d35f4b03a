"""attention_pooling: a weighted mean, which starts as the plain one."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch import Tensor, nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.attention_pooling import AttentionPooling, PositionWeights
from darkmagic.trainers.tricks.weight_init import WeightInit

CONTRACT = {"changes": ["network", "update"]}

EXAMPLE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def weights(model: nn.Module) -> list[str]:
    return [n for n, m in model.named_modules() if isinstance(m, PositionWeights)]


def test_the_mean_of_weighted_maps_is_softmax_attention() -> None:
    """Of one learned query: sum_p softmax_p(q x_p) x_p, as PyTorch's attention computes it."""
    torch.manual_seed(0)
    layer = PositionWeights(6)
    nn.init.normal_(layer.query)
    x = torch.randn(2, 6, 3, 5)
    tokens = x.flatten(2).mT
    expected = nn.functional.scaled_dot_product_attention(
        layer.query.expand(2, 1, 6), tokens, tokens, scale=1
    )
    torch.testing.assert_close(layer(x).mean((2, 3)), expected[:, 0])
    torch.testing.assert_close(layer.weights(x).sum((2, 3)), torch.ones(2, 1))


def test_each_head_weighs_its_share_of_the_channels() -> None:
    """By scores from all of them."""
    layer = PositionWeights(6, heads=3)
    nn.init.normal_(layer.query)
    x = torch.randn(2, 6, 4, 4)
    scores = torch.einsum("bchw,kc->bkhw", x, layer.query).flatten(2).softmax(-1)
    expected = [(x[:, c].flatten(1) * scores[:, c // 2]).sum(-1) for c in range(6)]
    torch.testing.assert_close(layer(x).mean((2, 3)), torch.stack(expected, 1))


def test_weight_init_does_not_draw_it() -> None:
    """It starts as the plain average whatever the layers start from."""
    tricks = {"attention_pooling": AttentionPooling(), "weight_init": WeightInit("he")}
    model = Hooks(tricks, 0).edit_model(SmallResNet(8), EXAMPLE)
    layers = [m for m in model.modules() if isinstance(m, PositionWeights)]
    assert [layer.query.abs().sum().item() for layer in layers] == [0]


@pytest.mark.parametrize(
    ("build", "place"),
    [
        (lambda: SmallResNet(8), "blocks.2.act2.attention"),
        (torchvision.models.resnet18, "avgpool.attention"),
        (torchvision.models.efficientnet_b0, "avgpool.attention"),
        (lambda: timm_classifier("resnet10t", 10, 3), "global_pool.attention"),
        (torchvision.models.squeezenet1_1, "classifier.3.attention"),
    ],
    ids=["small", "resnet18", "efficientnet", "timm", "squeezenet"],
)
def test_a_network_starts_as_it_was_and_learns(build: type[nn.Module], place: str) -> None:
    """Whether its average is a module or a call; gates keep theirs."""
    torch.manual_seed(0)
    model = build().eval()
    expected = model(EXAMPLE)
    edited = AttentionPooling().edit_model(copy.deepcopy(model), EXAMPLE)
    assert weights(edited) == [place]
    torch.testing.assert_close(edited.eval()(EXAMPLE), expected, rtol=1e-4, atol=1e-4)
    assert set(model.state_dict()) < set(edited.state_dict())
    edited.train()(EXAMPLE)[:, 0].sum().backward()
    gradient = edited.get_submodule(place).query.grad
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


class Reused(nn.Module):
    """Reads its last map twice, outside of modules."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.head(x.mean((2, 3)) + x.amax((2, 3)))


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: torchvision.models.vgg11(init_weights=False), "the model has none"),
        (lambda: nn.Sequential(nn.Flatten(), nn.Linear(12288, 10)), "the model has none"),
        (Reused, "read, elsewhere too"),
    ],
    ids=["vgg", "linear", "reused"],
)
def test_where_it_does_not_apply_it_says_why(build: type[nn.Module], reason: str) -> None:
    """A flattened map is no global average."""
    with pytest.raises(NotApplicable, match=reason):
        AttentionPooling().edit_model(build(), EXAMPLE)


def test_heads_have_a_range() -> None:
    """And share the channels evenly."""
    with pytest.raises(ValueError, match="heads=0"):
        AttentionPooling(0)
    with pytest.raises(NotApplicable, match="7 heads cannot share the 64"):
        AttentionPooling(7).edit_model(SmallResNet(8), EXAMPLE)
