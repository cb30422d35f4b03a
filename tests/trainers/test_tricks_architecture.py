"""Squeeze-and-excite, stem activations and pretrained weights on networks of many kinds."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest
import torch
from darkmagic.trainers.models.library import timm_classifier, torchvision_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.randomness import generator
from darkmagic.trainers.trick import NotApplicable, TrialSkipped
from darkmagic.trainers.tricks.pretrain import Pretrained, load_pretrained, take_pretrained_share
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite, SqueezeExciteBlock
from darkmagic.trainers.tricks.stem_activation import StemActivation
from torch import nn

EXAMPLE = torch.randn(2, 3, 32, 32, generator=generator(0, "example"))


def _size(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def _trained_on_batch(network: nn.Module) -> torch.Tensor:
    """Return outputs under the batch's own statistics, of a size that can be compared."""
    torch.manual_seed(0)
    return copy.deepcopy(network).train()(EXAMPLE).detach()


def _plain_cnn() -> nn.Module:
    def stage(i: int, o: int) -> list[nn.Module]:
        return [nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU()]

    return nn.Sequential(
        *stage(3, 32), *stage(32, 32), nn.MaxPool2d(2), *stage(32, 64), nn.AdaptiveAvgPool2d(1),
        nn.Flatten(), nn.Linear(64, 10),
    )  # fmt: skip


NETWORKS = {
    "small_resnet": lambda: SmallResNet(8, 16, 10, 3),
    "resnet18": lambda: torchvision_classifier("resnet18", 10, (32, 32)),
    "vgg11_bn": lambda: torchvision_classifier("vgg11_bn", 10, (32, 32)),
    "mobilenet_v2": lambda: torchvision_classifier("mobilenet_v2", 10, (32, 32)),
    "regnet_x_400mf": lambda: torchvision_classifier("regnet_x_400mf", 10, (32, 32)),
    "timm_resnet18": lambda: timm_classifier("resnet18", 10, 3, (32, 32)),
    "own": _plain_cnn,
}


@pytest.mark.parametrize(("channels", "ratio"), [(16, 16), (64, 16), (64, 4)])
def test_block_adds_exactly_the_papers_parameters(channels: int, ratio: int) -> None:
    """2 C^2 / r + C / r + C."""
    expected = 2 * channels**2 // ratio + channels // ratio + channels
    assert _size(SqueezeExciteBlock(channels, ratio)) == expected


def test_block_is_the_papers_formula() -> None:
    """Average, two layers, sigmoid, scale."""
    block = SqueezeExciteBlock(8, 4)
    x = torch.randn(2, 8, 5, 5, generator=generator(0, "x"))
    middle = torch.relu(x.mean((2, 3)) @ block.squeeze.weight.T + block.squeeze.bias)
    gate = torch.sigmoid(middle @ block.excite.weight.T + block.excite.bias)
    assert torch.allclose(block(x), x * gate[:, :, None, None], atol=1e-6)


def test_network_grows_by_the_sum_over_its_blocks() -> None:
    """One a residual block, each at the width of its stage."""
    network = SmallResNet(20, 16, 10, 3)
    before = _size(network)
    SqueezeExcite(16).edit_model(network, EXAMPLE)
    blocks = [2 * c**2 // 16 + c // 16 + c for c in (16, 32, 64) for _ in range(3)]
    assert _size(network) - before == sum(blocks)


def test_block_acts_before_the_addition() -> None:
    """With gates that are shut, a residual block gives the activation of its shortcut."""
    network = SmallResNet(8, 16, 10, 3).eval()
    SqueezeExcite(16).edit_model(network, EXAMPLE)
    for module in network.modules():
        if isinstance(module, SqueezeExciteBlock):
            nn.init.zeros_(module.excite.weight)
            nn.init.constant_(module.excite.bias, -1e9)
    x = network.stem(EXAMPLE)
    for block in network.blocks:
        shortcut = torch.relu(block.shortcut(x))
        x = block(x.clone())
        assert torch.allclose(x, shortcut, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_both_edits_work_on_any_network(name: str) -> None:
    """Both change the output, and training goes through them; also in copies."""
    network = NETWORKS[name]()
    for module in network.modules():  # timm starts residual branches at zero, which hides blocks
        if isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
    before = _trained_on_batch(network)
    SqueezeExcite(16).edit_model(network, EXAMPLE)
    excited = _trained_on_batch(network)
    assert not torch.allclose(before, excited, rtol=1e-3)
    StemActivation("swish").edit_model(network, EXAMPLE)
    assert not torch.allclose(excited, _trained_on_batch(network), rtol=1e-3)
    for copied in (copy.deepcopy(network), pickle.loads(pickle.dumps(network))):
        assert torch.equal(copied.eval()(EXAMPLE), network.eval()(EXAMPLE))
        loss = copied.train()(EXAMPLE).square().mean()
        loss.backward()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in copied.parameters())


def test_plain_networks_get_a_block_a_stage() -> None:
    """After the last convolution's norm of each resolution."""
    network = SqueezeExcite(16).edit_model(_plain_cnn(), EXAMPLE)
    at = [n for n, m in network.named_modules() if isinstance(m, SqueezeExciteBlock)]
    assert at == ["4.1", "8.1"]


def test_networks_with_blocks_of_their_own_are_left_alone() -> None:
    """And ones without convolutions: never a silent no-op."""
    own = torchvision_classifier("efficientnet_b0", 10, (32, 32))
    with pytest.raises(NotApplicable, match="of its own"):
        SqueezeExcite().edit_model(own, EXAMPLE)
    flat = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    with pytest.raises(NotApplicable, match="no residual block"):
        SqueezeExcite().edit_model(flat, EXAMPLE)
    with pytest.raises(NotApplicable, match="no activation module"):
        StemActivation().edit_model(flat, EXAMPLE)


def test_stem_and_downscaling_alone_are_swapped() -> None:
    """In a small ResNet the stem's, and the ones that feed the two stride-2 blocks."""
    network = StemActivation("swish").edit_model(SmallResNet(14, 4, 10, 3), EXAMPLE)
    swapped = {n for n, m in network.named_modules() if isinstance(m, nn.SiLU)}
    assert swapped == {"stem.2", "blocks.1.act2", "blocks.3.act2"}


def test_shared_activations_are_swapped_at_their_turn() -> None:
    """torchvision's blocks use one ReLU twice; only its second use feeds the downscaling."""
    network = torchvision_classifier("resnet18", 10, (32, 32)).eval()
    StemActivation("swish").edit_model(network, EXAMPLE)
    block = network.layer1[1]
    x = torch.randn(2, 64, 8, 8, generator=generator(0, "x"))
    inside = torch.relu(block.bn1(block.conv1(x)))
    expected = nn.functional.silu(block.bn2(block.conv2(inside)) + x)
    for _ in range(2):  # each forward begins anew
        assert torch.allclose(block(x), expected, atol=1e-6)
    block.relu.turn = 1  # as after a forward that was cut short
    assert torch.allclose(block(x), expected, atol=1e-6)


def test_relu_for_relu_changes_nothing() -> None:
    """The option that the network has already."""
    network = SmallResNet(8, 4, 10, 3).eval()
    before = network(EXAMPLE)
    StemActivation("relu").edit_model(network, EXAMPLE)
    assert torch.equal(network(EXAMPLE), before)


def test_pretrained_tensors_that_fit_are_loaded_and_counted() -> None:
    """All but a head of another size; the share is of all tensors of the source."""
    source = SmallResNet(8, 4, 7, 3).state_dict()
    network = SmallResNet(8, 4, 10, 3)
    fresh_head = network.head.weight.clone()
    load_pretrained(network, source, "source")
    assert torch.equal(network.stem[0].weight, source["stem.0.weight"])
    assert torch.equal(network.head.weight, fresh_head)
    assert take_pretrained_share(network) == pytest.approx(1 - 2 / len(source))
    assert take_pretrained_share(network) is None


def test_tensors_that_an_edit_throws_away_are_not_counted() -> None:
    """Blocks wrap layers and keep their tensors; a new stem loses its kernel."""
    network = SmallResNet(8, 4, 10, 3)
    source = SmallResNet(8, 4, 10, 3).state_dict()
    load_pretrained(network, source, "source")
    SqueezeExcite(2).edit_model(network, EXAMPLE)
    network.stem[0] = nn.Conv2d(3, 4, 3, padding=1, bias=False)
    assert take_pretrained_share(network) == pytest.approx(1 - 1 / len(source))


def test_weights_that_fit_nowhere_are_an_error(tmp_path: Path) -> None:
    """A file of another network's, one of no network's, and one that is not there."""
    path = tmp_path / "other.pt"
    torch.save({"model": nn.Linear(3, 3).state_dict()}, path)
    network = SmallResNet(8, 4, 10, 3)
    with pytest.raises(ValueError, match="none of the 2 tensors"):
        Pretrained(str(path)).edit_model(network, EXAMPLE)
    torch.save([1, 2], path)
    with pytest.raises(ValueError, match="holds list"):
        Pretrained(str(path)).edit_model(network, EXAMPLE)
    with pytest.raises(TrialSkipped, match="no file of weights"):
        Pretrained(str(tmp_path / "none.pt")).edit_model(network, EXAMPLE)


@pytest.mark.parametrize(
    "make", [lambda: SqueezeExcite(0), lambda: StemActivation("sigmoid"), lambda: SmallResNet(9)]
)
def test_bad_fields_are_refused(make: object) -> None:
    """When the trial is set up."""
    assert callable(make)
    with pytest.raises(ValueError, match="need|choose"):
        make()
