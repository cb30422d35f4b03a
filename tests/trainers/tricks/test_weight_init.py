"""weight_init: what the first values are, and that they act."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from darkmagic.trainers.hooks import refuse_conflicts
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import Conflict, NotApplicable, Trick
from darkmagic.trainers.tricks.pretrain import Pretrained
from darkmagic.trainers.tricks.weight_init import WeightInit, draw_weights

CONTRACT = {"changes": ["network", "loss", "update"]}

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    ("scheme", "variance"),
    [
        ("he", 2 / (64 * 9)),
        ("xavier", 2 / (64 * 9 + 128 * 9)),
        ("small_gaussian", 1e-4),
    ],
)
def test_variance_is_the_papers(scheme: str, variance: float) -> None:
    """Of a 3 x 3 convolution of 64 to 128 channels, fan-in 576 and fan-out 1152."""
    torch.manual_seed(0)
    weight = torch.empty(128, 64, 3, 3)
    draw_weights(weight, scheme)
    assert weight.var().item() == pytest.approx(variance, rel=0.02)
    assert weight.mean().abs().item() < 3 * (variance / weight.numel()) ** 0.5
    kurtosis = (weight**4).mean() / weight.var() ** 2
    assert kurtosis.item() == pytest.approx(3, rel=0.05)  # normal, not uniform


def test_orthogonal_rows_are_orthogonal() -> None:
    """W W^T = 2 I."""
    weight = torch.empty(8, 4, 3, 3)
    draw_weights(weight, "orthogonal")
    rows = weight.flatten(1)
    torch.testing.assert_close(rows @ rows.T, 2 * torch.eye(8), atol=1e-5, rtol=0)


def test_he_keeps_the_variance_through_thirty_layers_and_others_do_not() -> None:
    """The experiment of He et al., section 2.2: Xavier's loses half of it a layer."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(32, 32, 3, padding=1, padding_mode="circular") for _ in range(30)]
    model = nn.Sequential(*(m for layer in layers for m in (layer, nn.ReLU())))
    x = torch.randn(4, 32, 8, 8)
    power = {}
    for scheme in ("he", "orthogonal", "xavier", "small_gaussian"):
        WeightInit(scheme).edit_model(model, x)
        power[scheme] = model(x).square().mean().item()
    assert 0.05 < power["he"] < 20
    assert 0.05 < power["orthogonal"] < 20
    assert power["xavier"] < 1e-6
    assert power["small_gaussian"] < 1e-12


def test_a_constant_leaves_all_channels_equal_for_ever() -> None:
    """Gradients do not tell them apart: this is how it fails."""
    model = nn.Sequential(
        *(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten()), *(nn.Linear(3600, 8), nn.Linear(8, 2))
    )
    WeightInit("constant", value=0.1).edit_model(model, EXAMPLE)
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    for _ in range(3):
        model(EXAMPLE)[:, 0].sum().backward()
        optimizer.step()
    assert (model[0].weight[0] != 0.1).all()
    assert all(torch.equal(model[0].weight[0], channel) for channel in model[0].weight)


def test_all_convolutions_and_linear_layers_are_drawn_and_nothing_else() -> None:
    """Biases are zero; norms keep theirs."""
    model = SmallResNet(8)
    nn.init.constant_(model.stem[1].bias, 0.5)
    before = {n: p.detach().clone() for n, p in model.named_parameters()}
    WeightInit("xavier").edit_model(model, EXAMPLE)
    same = [n for n, p in model.named_parameters() if torch.equal(p, before[n])]
    assert all("bn" in n or "stem.1" in n or "shortcut.1" in n for n in same)
    assert len(same) == 2 * 9
    assert model.head.bias.eq(0).all()


def test_he_leaves_what_was_pretrained(tmp_path: Path) -> None:
    """And draws the head, which was not."""
    source, model = SmallResNet(8, num_classes=5), SmallResNet(8, num_classes=10)
    torch.save(source.state_dict(), tmp_path / "w.pt")
    model = Pretrained(str(tmp_path / "w.pt")).edit_model(model, EXAMPLE)
    head = model.head.weight.detach().clone()
    WeightInit("he").edit_model(model, EXAMPLE)
    assert torch.equal(model.blocks[0].conv1.weight, source.blocks[0].conv1.weight)
    assert not torch.equal(model.head.weight, head)


def test_weight_init_fields_and_places() -> None:
    """One line each."""
    with pytest.raises(ValueError, match=r"lsuv.*choose from he"):
        WeightInit("lsuv")
    with pytest.raises(ValueError, match="std=0"):
        WeightInit("small_gaussian", std=0)
    with pytest.raises(NotApplicable, match="no convolution or linear layer"):
        WeightInit().edit_model(nn.Flatten(), EXAMPLE)


@pytest.mark.parametrize("after_edits", [False, True])
@pytest.mark.parametrize("scheme", ["xavier", "constant"])
def test_pretrained_weights_rule_out_other_first_values(scheme: str, after_edits: bool) -> None:
    """Whichever would be written over the other; he, the baseline, gets along with them."""
    pretrained = Pretrained("w.pt", after_edits=after_edits)
    trick = WeightInit(scheme)
    with pytest.raises(Conflict, match=f"{scheme} initialisation and pretrained weights"):
        refuse_conflicts({"pretrain": pretrained, "init": trick})
    refuse_conflicts({"pretrain": pretrained, "init": WeightInit("he")})
    refuse_conflicts({"pretrain": Trick(), "init": trick})
