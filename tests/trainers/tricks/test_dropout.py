"""dropout: before which layers, how strongly, and not in evaluation."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch import nn

from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable, Trick
from darkmagic.trainers.tricks.drop_path import DropPath
from darkmagic.trainers.tricks.dropout import Dropout
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite

CONTRACT = {"changes": ["loss", "update"], "network": "pooled"}

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def dropouts(model: nn.Module) -> dict[str, float]:
    return {n: m.p for n, m in model.named_modules() if isinstance(m, nn.Dropout)}


def test_dropout_goes_before_linear_layers_that_read_wide_vectors() -> None:
    """In a residual network the pooled map; in AlexNet all three, and its own has rate 0."""
    resnet = Dropout(0.2).edit_model(torchvision.models.resnet18(), EXAMPLE)
    assert dropouts(resnet) == {"fc.dropout": 0.2}
    example = torch.randn(2, 3, 64, 64)
    alexnet = Dropout(0.5).edit_model(torchvision.models.alexnet(), example)
    own = dict.fromkeys(("classifier.0", "classifier.3"), 0.0)
    assert dropouts(alexnet) == own | {f"classifier.{i}.dropout": 0.5 for i in (1, 4, 6)}


def test_dropout_is_pytorchs_on_what_the_layer_reads() -> None:
    """Names stay; evaluation is what it was."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 300), nn.ReLU(), nn.Linear(300, 10))
    edited = Dropout(0.5).edit_model(copy.deepcopy(model), EXAMPLE)
    assert list(edited.state_dict()) == list(model.state_dict())
    assert torch.equal(edited.eval()(EXAMPLE), model.eval()(EXAMPLE))
    torch.manual_seed(1)
    hidden = nn.functional.dropout(model[0](EXAMPLE), 0.5)
    hidden = nn.functional.dropout(model[1](hidden).relu(), 0.5)
    expected = model[3](hidden)
    torch.manual_seed(1)
    torch.testing.assert_close(edited.train()(EXAMPLE), expected)


def test_the_threshold_is_a_field_and_gates_do_not_count() -> None:
    """Over 256 units by default: 64 are too few, and a gate's linear layers are none."""
    model = SqueezeExcite(1).edit_model(SmallResNet(8), EXAMPLE)
    with pytest.raises(NotApplicable, match="over 256 units: the widest vector is of 64"):
        Dropout(0.2).edit_model(model, EXAMPLE)
    edited = Dropout(0.2, wider_than=63).edit_model(model, EXAMPLE)
    assert dropouts(edited) == {"head.dropout": 0.2}
    with pytest.raises(NotApplicable, match="it has none"):
        Dropout(0.2).edit_model(nn.Conv2d(3, 10, 32), EXAMPLE)


def test_rate_0_leaves_the_network_as_it_is() -> None:
    """Its own dropout too: it is the option of the baseline."""
    model = torchvision.models.efficientnet_b0()
    before = {name: type(module) for name, module in model.named_modules()}
    edited = Dropout(0.0).edit_model(model, EXAMPLE)
    assert {name: type(module) for name, module in edited.named_modules()} == before
    assert dropouts(edited) == {"classifier.0": 0.2}


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("trick", [Dropout(0.0), Dropout(0.3, wider_than=16), DropPath(0.0)])
def test_forward_that_reads_a_rate_still_trains(trick: Trick, fused: bool) -> None:
    """Timm's attention reads `attn_drop.p`, in training only."""
    model = timm_classifier(
        *("vit_tiny_patch16_224", 5, 3), img_size=32, depth=1, attn_drop_rate=0.1, drop_rate=0.2
    )
    model.blocks[0].attn.fused_attn = fused
    edited = trick.edit_model(model, EXAMPLE).train()
    edited(EXAMPLE).sum().backward()
    own = [edited.blocks[0].attn.attn_drop.p, edited.head_drop.p]
    assert own == ([0.0, 0.0] if trick == Dropout(0.3, wider_than=16) else [0.1, 0.2])


def test_extended_layer_has_the_attributes_of_the_layer() -> None:
    """A forward that reads them finds them, and in a copy; what there is not is an error."""
    edited = Dropout(0.5).edit_model(torchvision.models.resnet18(), EXAMPLE)
    for model in (edited, copy.deepcopy(edited)):
        assert model.fc.in_features == 512
        assert model.fc.weight is model.fc.layer.weight
        assert [n for n, _ in model.fc.named_parameters()] == ["layer.weight", "layer.bias"]
        with pytest.raises(AttributeError, match="nothing"):
            _ = model.fc.nothing


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_fields_have_ranges(rate: float) -> None:
    """One line each."""
    with pytest.raises(ValueError, match=f"rate={rate}"):
        Dropout(rate)
    with pytest.raises(ValueError, match="wider_than=-1"):
        Dropout(0.2, -1)
