"""Stems for small images: which halvings go, which weights stay, and where nothing is done."""

from __future__ import annotations

import copy

import pytest
import timm
import torch
from torch import nn

from darkmagic.trainers.models.fit_stem import LAST_SIDE, fit_stem
from darkmagic.trainers.models.library import timm_classifier, torchvision_classifier
from darkmagic.trainers.models.notes import notes_of
from darkmagic.trainers.models.resnet import SmallResNet


def _sides(network: nn.Module, size: int) -> tuple[int, int]:
    """Return the sides of what the second convolution reads and the head pools."""
    seen: list[int] = []
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(lambda _m, _i, output: seen.append(output.shape[-1]))
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, size, size))
    return seen[1], seen[-1]


@pytest.mark.parametrize(
    ("size", "stride", "pooled", "last"),
    [(32, 1, False, 4), (28, 1, False, 4), (48, 1, False, 6), (64, 2, False, 4), (95, 2, False, 6)],
)
def test_auto_undoes_halvings_until_the_last_maps_are_large_enough(
    size: int, stride: int, pooled: bool, last: int
) -> None:
    """Of a ResNet: at 32 pixels both, at 64 the max-pool's alone."""
    network = torchvision_classifier("resnet18", 10, (size, size))
    assert network.conv1.stride == (stride, stride)
    assert isinstance(network.maxpool, nn.MaxPool2d) is pooled
    assert _sides(network, size)[1] == last >= LAST_SIDE


def test_keep_and_small_do_as_they_say() -> None:
    """At any size, and what else is asked for is refused in one line."""
    kept = torchvision_classifier("resnet18", 10, (32, 32), stem="keep")
    assert kept.conv1.kernel_size == (7, 7)
    assert isinstance(kept.maxpool, nn.MaxPool2d)
    small = torchvision_classifier("resnet18", 10, (128, 128), stem="small")
    assert small.conv1.stride == (1, 1)
    assert isinstance(small.maxpool, nn.Identity)
    with pytest.raises(ValueError, match="stem=tiny: choose from auto, keep, small"):
        torchvision_classifier("resnet18", 10, (32, 32), stem="tiny")


@pytest.mark.parametrize(
    "name", ["nfnet_l0", "repvgg_a0", "resnetv2_50", "mixnet_s", "tf_efficientnet_b0"]
)
def test_any_stem_is_made_smaller_with_its_weights(name: str) -> None:
    """Of gains, of parallel stems, of paddings of their own: the network runs, and each tensor
    that keeps its shape keeps its values.
    """
    torch.manual_seed(0)
    plain = timm.create_model(name, num_classes=5)
    torch.manual_seed(0)
    network = timm_classifier(name, 5, 3, (32, 32))
    state, before = network.state_dict(), plain.state_dict()
    assert state.keys() == before.keys()
    changed = {key for key, value in before.items() if not torch.equal(state[key], value)}
    assert changed <= {"stem.conv.weight"}  # of resnetv2: 7x7
    assert (changed == set()) is (name != "resnetv2_50")
    with torch.no_grad():
        assert network.eval()(torch.zeros(2, 3, 32, 32)).shape == (2, 5)
    assert _sides(network, 32)[0] >= 16
    assert notes_of(network) == []


def test_weights_that_were_loaded_keep_their_kernel() -> None:
    """A 7x7 kernel of loaded weights loses its stride and nothing else."""
    network = SmallResNet(8)
    network.stem[0] = nn.Conv2d(3, 16, 7, 2, 3)
    network.stem.append(nn.MaxPool2d(3, 2, 1))
    weight = network.stem[0].weight
    small = fit_stem(copy.deepcopy(network), (16, 16), keep_weights=True)
    assert torch.equal(small.stem[0].weight, weight)
    assert (small.stem[0].stride, small.stem[0].padding) == ((1, 1), (3, 3))
    assert fit_stem(network, (16, 16)).stem[0].kernel_size == (3, 3)


def test_stem_stays_where_the_network_would_not_run_with_another() -> None:
    """With its weights, and a line says so."""

    class OneSize(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem, self.rest = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(4, 4, 3, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.stem(x)
            if y.shape[-1] == x.shape[-1]:
                raise ValueError("built for half the pixels")
            return self.rest(y).mean((2, 3))

    network = OneSize()
    fitted = fit_stem(network, (8, 8))
    assert fitted.stem.stride == (2, 2)
    assert torch.equal(fitted.stem.weight, network.stem.weight)
    (note,) = notes_of(copy.deepcopy(fitted))
    assert note == (
        "its stem stays as it is: with a smaller one 8x8 fails (built for half the pixels)"
    )


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224"])
def test_patches_of_token_networks_are_left_alone(name: str) -> None:
    """They have one convolution, which cuts them."""
    network = (
        timm_classifier(name, 5, 3, (32, 32), img_size=32, window_size=4)
        if ("swin" in name)
        else timm_classifier(name, 5, 3, (32, 32), img_size=32, depth=1)
    )
    patch = network.patch_embed.proj
    assert patch.stride == patch.kernel_size
