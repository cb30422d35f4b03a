"""patch_stem: the paper's stem, as many tokens, and where it does not apply."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.patch_stem import PatchStem, convolutional_stem
from token_networks import SmallViT

CONTRACT = {
    "changes": ["network", "loss", "update"],
    "network": "tokens",
    "beside": {"squeeze_excite": "off", "stem_activation": "own"},
}

COLOUR = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def test_stem_of_sixteen_pixels_is_the_papers() -> None:
    """Four 3x3 convolutions of stride 2, channels doubling up to the width, and a 1x1."""
    stem = convolutional_stem(3, 192, 16)
    layers = [m for m in stem if isinstance(m, nn.Conv2d)]
    assert [m.out_channels for m in layers] == [24, 48, 96, 192, 192]
    assert [m.stride for m in layers] == [(2, 2)] * 4 + [(1, 1)]
    assert [m.kernel_size for m in layers] == [(3, 3)] * 4 + [(1, 1)]


@pytest.mark.parametrize("patch", [4, 8, 16])
def test_tokens_are_as_many_and_as_wide(patch: int) -> None:
    """The network runs and trains, of timm and by hand."""
    model = timm_classifier(
        *("vit_tiny_patch16_224", 5, 3),
        img_size=32,
        patch_size=patch,
        depth=1,
        embed_dim=32,
        num_heads=2,
    )
    by_hand = SmallViT(5, 3, (32, 32), patch)
    for network in (model, by_hand):
        edited = PatchStem().edit_model(network, COLOUR).train()
        assert edited(COLOUR).shape == (2, 5)
        edited(COLOUR).sum().backward()


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: SmallResNet(8), "the model has none"),
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 6, 6), nn.Flatten()), "the model has none"),
        (lambda: nn.Sequential(nn.Conv2d(3, 8, 16, 16), nn.Flatten()), "multiples of the patch"),
    ],
    ids=["strided", "six", "odd"],
)
def test_where_it_does_not_apply_it_says_why(build: type, reason: str) -> None:
    """No patches, other patches, and images that they do not fill."""
    with pytest.raises(NotApplicable, match=reason):
        PatchStem().edit_model(build(), COLOUR[..., :30] if "multiples" in reason else COLOUR)
