"""model_size: every width, its initial weights, and who cannot be resized."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch import Tensor, nn

from darkmagic.trainers.hooks import refuse_conflicts
from darkmagic.trainers.models.draw import resample_init
from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import Conflict, NotApplicable
from darkmagic.trainers.tricks.model_size import ModelSize
from darkmagic.trainers.tricks.pretrain import Pretrained

CONTRACT = {"changes": ["network", "loss", "update"]}

EXAMPLE = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def shapes(model: nn.Module) -> dict[str, torch.Size]:
    return {name: value.shape for name, value in model.state_dict().items()}


@pytest.mark.parametrize("factor", [0.5, 2.0, 0.75])
def test_it_is_the_builders_network_of_another_width(factor: float) -> None:
    """Tensor by tensor, as `SmallResNet` builds it."""
    edited = ModelSize(factor).edit_model(SmallResNet(20, width=16), EXAMPLE)
    assert shapes(edited) == shapes(SmallResNet(20, width=int(16 * factor)))
    layer = edited.blocks[0].conv1
    assert (layer.in_channels, layer.out_channels) == (16 * factor, 16 * factor)


def test_inner_widths_are_torchvisions() -> None:
    """Its ResNets take `width_per_group`, which widens the inner channels of blocks alone."""
    build = torchvision.models.resnet50
    inner = shapes(build(width_per_group=32))
    edited = shapes(ModelSize(0.5).edit_model(build(), EXAMPLE))
    wide = [n for n in inner if "layer" in n and ".conv2" in n]
    assert len(wide) == 16
    assert all(inner[name] == edited[name] for name in wide)


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        *((name, 0.5) for name in ("alexnet", "resnet18", "densenet121", "resnext50_32x4d")),
        *((name, 0.5) for name in ("regnet_y_400mf", "timm:resnet10t", "mobilenet_v3_small")),
        *((name, 2.0) for name in ("squeezenet1_1", "mobilenet_v2", "shufflenet_v2_x0_5")),
        *((name, 2.0) for name in ("efficientnet_b0", "googlenet", "timm:efficientnet_lite0")),
    ],
)
def test_any_network_has_about_its_square_of_parameters(name: str, factor: float) -> None:
    """Image and classes apart; it gives logits of the same shape, and trains."""
    kwargs = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    model = (
        timm_classifier(name.removeprefix("timm:"), 10, 3)
        if name.startswith("timm:")
        else torchvision.models.get_model(name, num_classes=10, **kwargs)
    )
    before = sum(p.numel() for p in model.parameters() if p.ndim > 1)
    edited = ModelSize(factor).edit_model(model, EXAMPLE)
    after = sum(p.numel() for p in edited.parameters() if p.ndim > 1)
    assert (after / before) ** 0.5 == pytest.approx(factor, rel=0.15)
    logits = edited(EXAMPLE)
    assert logits.shape == (2, 10)
    logits.logsumexp(1).sum().backward()
    assert all(p.grad is not None for p in edited.parameters())


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_initial_weights_are_the_authors(factor: float) -> None:
    """The same distribution, of a variance that is one over the fan-in; constants stay."""
    torch.manual_seed(0)
    model = SmallResNet(8, width=64)
    nn.init.constant_(model.blocks[0].bn1.weight, 0.5)
    before = copy.deepcopy(model)
    edited = ModelSize(factor).edit_model(model, EXAMPLE)
    for name in ("blocks.1.conv2", "blocks.2.conv1", "head"):
        old, new = before.get_submodule(name).weight, edited.get_submodule(name).weight
        assert new.std().item() == pytest.approx(old.std().item() / factor**0.5, rel=0.05)
    first = [m.stem[0].weight.std().item() for m in (edited, before)]
    assert first[0] == pytest.approx(first[1], rel=0.1)  # an image has no more channels
    assert edited.blocks[0].bn1.weight.eq(0.5).all()
    assert edited.blocks[0].bn1.running_var.eq(1).all()


def test_draws_are_of_the_values_there_are() -> None:
    """Each as often."""
    torch.manual_seed(0)
    drawn = resample_init(torch.tensor([[1.0, 2.0], [2.0, 4.0]]), (1000, 4))
    assert drawn.unique().tolist() == [1, 2, 4]
    assert drawn.eq(2).float().mean().item() == pytest.approx(0.5, abs=0.03)


class Counting(nn.Module):
    """Knows its width by heart."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 8, 3), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.conv(x).view(len(x), 8, -1).mean(2))


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (torchvision.models.convnext_tiny, "CNBlock, which holds weights"),
        (Counting, "do not fit together times 0.5"),
        (
            lambda: torchvision.models.VisionTransformer(64, 16, 1, 2, 16, 16, num_classes=10),
            "which holds weights",
        ),
    ],
    ids=["convnext", "counting", "vit"],
)
def test_where_it_does_not_apply_it_says_why(build: type[nn.Module], reason: str) -> None:
    """Weights in modules of another kind, and widths in the code."""
    with pytest.raises(NotApplicable, match=reason):
        ModelSize(0.5).edit_model(build(), EXAMPLE)


def test_published_weights_have_one_width() -> None:
    """Weights that are trained on the network as it is do not mind."""
    size = ModelSize(0.5)
    with pytest.raises(Conflict, match="model_size conflicts with pretrain: published weights"):
        refuse_conflicts({"pretrain": Pretrained("w.pt"), "model_size": size})
    refuse_conflicts({"pretrain": Pretrained("w.pt", after_edits=True), "model_size": size})


@pytest.mark.parametrize("factor", [0, -1, 17])
def test_factor_has_a_range(factor: float) -> None:
    """One line."""
    with pytest.raises(ValueError, match=f"factor={factor}"):
        ModelSize(factor)
