"""The residual network for small images."""

import pytest
import torch
from torch import nn

from darkmagic.trainers.models.resnet import BasicBlock, SmallResNet


@pytest.mark.parametrize(("depth", "paper"), [(20, 0.27e6), (32, 0.46e6)])
def test_parameter_count_is_that_of_the_paper(depth: int, paper: float) -> None:
    """The count exceeds He et al., table 6, by the projections (option B), under 10,000."""
    count = sum(p.numel() for p in SmallResNet(depth).parameters())
    assert 0 < count - paper < 0.01e6


@pytest.mark.parametrize("depth", [8, 20, 32])
def test_depth_is_the_number_of_convolutions_and_head(depth: int) -> None:
    """A network of depth 6n + 2 has 6n + 1 3x3 convolutions and one linear layer."""
    modules = list(SmallResNet(depth).modules())
    threes = [m for m in modules if isinstance(m, nn.Conv2d) and m.kernel_size == (3, 3)]
    assert len(threes) + sum(isinstance(m, nn.Linear) for m in modules) == depth


@pytest.mark.parametrize(("depth", "nearest"), [(2, "8"), (9, "8 or 14"), (18, "14 or 20")])
def test_depth_other_than_6n_plus_2_is_refused(depth: int, nearest: str) -> None:
    """The message names the nearest depths that work."""
    with pytest.raises(ValueError, match=f"depth={depth}: need .* such as {nearest}$"):
        SmallResNet(depth)


@pytest.mark.parametrize("side", [8, 9, 32])
def test_small_images_give_finite_gradients_in_channels_last(side: int) -> None:
    """From 8 pixels on, logits have their shape and every parameter has a finite gradient."""
    network = SmallResNet(8, 4, num_classes=5, in_channels=1).to(memory_format=torch.channels_last)
    images = torch.randn(2, 1, side, side).to(memory_format=torch.channels_last)
    logits = network(images)
    assert logits.shape == (2, 5)
    logits.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_projection_equals_a_strided_convolution() -> None:
    """Subsampling before a 1x1 convolution gives the same result as the convolution's stride."""
    block = BasicBlock(4, 8, stride=2).eval()
    x = torch.randn(2, 4, 9, 8)
    projection, norm = block.shortcut
    expected = norm(nn.functional.conv2d(x, projection.weight, stride=2))
    torch.testing.assert_close(block.shortcut(x[block.subsample]), expected)
    nn.init.zeros_(block.bn2.weight)
    torch.testing.assert_close(block(x), expected.relu())


def test_convolutions_have_he_initialization() -> None:
    """Weights have standard deviation sqrt(2 / fan out), within their sampling error."""
    torch.manual_seed(0)
    for module in SmallResNet(20, 32).modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.out_channels * module.kernel_size[0] ** 2
            ratio = module.weight.std().item() / (2 / fan_out) ** 0.5
            assert abs(ratio - 1) < 4 / (2 * module.weight.numel()) ** 0.5


def test_each_activation_is_a_separate_module() -> None:
    """No activation module is called twice, so that tricks can replace each alone."""
    network, calls = SmallResNet(20), []
    for module in network.modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda module, _, __: calls.append(module))
    network(torch.randn(1, 3, 8, 8))
    assert len(calls) == len(set(calls)) == 19
