"""attention_dropout: where it acts, and that evaluation stays."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch import nn

from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.attention_dropout import AttentionDropout
from token_networks import SmallViT

CONTRACT = {
    "changes": ["loss", "update"],
    "network": "tokens",
    "beside": {"squeeze_excite": "off", "stem_activation": "own"},
}

GREY = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
COLOUR = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def _timm() -> nn.Module:
    size = {"img_size": 32, "depth": 1, "embed_dim": 32, "num_heads": 2}
    return timm_classifier("vit_tiny_patch16_224", 5, 3, **size)


def _torchvision() -> nn.Module:
    return torchvision.models.VisionTransformer(32, 16, 1, 2, 16, 32, num_classes=5)


@pytest.mark.parametrize("build", [SmallViT, _timm, _torchvision])
@pytest.mark.parametrize("fused", [True, False])
def test_training_drops_and_evaluation_does_not(build: type[nn.Module], fused: bool) -> None:
    """Of hand-written attention, of timm's both ways, and of torch's own layer."""
    images = GREY if build is SmallViT else COLOUR
    model = build()
    for module in model.modules():
        if hasattr(module, "fused_attn"):
            module.fused_attn = fused
        if isinstance(module, nn.Linear) and module.weight.eq(0).all():
            nn.init.normal_(module.weight)  # torchvision's head
    expected = model.eval()(images)
    edited = AttentionDropout(0.5).edit_model(copy.deepcopy(model), images)
    torch.testing.assert_close(edited.eval()(images), expected)
    edited.train()
    assert not torch.equal(edited(images), edited(images))
    untouched = AttentionDropout(0.0).edit_model(model, images).train()
    assert torch.equal(untouched(images), untouched(images))


def test_network_without_attention_is_refused() -> None:
    """A residual network has none."""
    with pytest.raises(NotApplicable, match="finds no attention"):
        AttentionDropout().edit_model(SmallResNet(8), COLOUR)


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_rate_has_a_range(rate: float) -> None:
    """One line."""
    with pytest.raises(ValueError, match=f"rate={rate}"):
        AttentionDropout(rate)
