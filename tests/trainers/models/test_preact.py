"""The pre-activation network of `checklist=hysts`."""

import pytest
import torch
from torch import nn

from darkmagic.trainers.models.preact import PreActResNet


def test_parameter_count_is_that_of_the_published_network() -> None:
    """ResNet-20 has 0.27 million parameters (He et al. 2016), and projections without a norm."""
    assert sum(p.numel() for p in PreActResNet(20).parameters()) == 272_282


@pytest.mark.parametrize("side", [8, 32])
def test_small_images_give_finite_gradients(side: int) -> None:
    """Logits have their shape and every parameter has a finite gradient."""
    network = PreActResNet(8, num_classes=5, in_channels=1).to(memory_format=torch.channels_last)
    logits = network(torch.randn(2, 1, side, side))
    assert logits.shape == (2, 5)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_each_stage_begins_with_a_shortcut_from_its_first_activation() -> None:
    """In the first block of a stage the shortcut is after norm and activation, in others before."""
    network = PreActResNet(20)
    blocks = [m for m in network.layers if hasattr(m, "shared")]
    assert [block.shared for block in blocks] == [True, False, False] * 3
    projected = [isinstance(block.shortcut, nn.Conv2d) for block in blocks]
    assert projected == [False] * 3 + [True, False, False] * 2


def test_depth_other_than_6n_plus_2_is_refused() -> None:
    """The message names the nearest depths that work."""
    with pytest.raises(ValueError, match=r"depth=9: need .* such as 8 or 14$"):
        PreActResNet(9)
