"""layer_scale: which branches it scales, by what, and what else stays."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.models.roles import Role, mark_roles, role_of, use_roles
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.drop_path import DropPath
from darkmagic.trainers.tricks.layer_scale import ChannelScale, LayerScale
from token_networks import SmallViT

CONTRACT = {
    "changes": ["network", "loss", "update"],
    "network": "tokens",
    "beside": {"squeeze_excite": "off", "stem_activation": "own"},
}

GREY = torch.randn(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
COLOUR = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
TIMM = {"img_size": 32, "depth": 2, "embed_dim": 32, "num_heads": 2}


def scales(model: nn.Module) -> list[ChannelScale]:
    return [module for module in model.modules() if isinstance(module, ChannelScale)]


def test_scales_are_timms() -> None:
    """The same weights and the same scales give what timm's `init_values` gives."""
    plain = timm_classifier("vit_tiny_patch16_224", 5, 3, **TIMM)
    theirs = timm_classifier("vit_tiny_patch16_224", 5, 3, init_values=0.1, **TIMM)
    theirs.load_state_dict(plain.state_dict(), strict=False)
    edited = LayerScale(0.1).edit_model(plain, COLOUR)
    assert len(scales(edited)) == 4
    torch.testing.assert_close(edited.eval()(COLOUR), theirs.eval()(COLOUR))
    torch.manual_seed(0)
    edited.train()(COLOUR).sum().backward()
    assert all(scale.gamma.grad is not None for scale in scales(edited))


@pytest.mark.parametrize("initial", [1.0, 0.1, 1e-6])
def test_every_branch_of_a_hand_written_network_is_scaled(initial: float) -> None:
    """At 1 it computes the same, at almost 0 the shortcuts alone; names of tensors stay."""
    model = SmallViT().eval()
    before = model(GREY)
    edited = LayerScale(initial).edit_model(copy.deepcopy(model), GREY).eval()
    assert len(scales(edited)) == 4
    assert set(model.state_dict()) <= set(edited.state_dict())
    if initial == 1:
        torch.testing.assert_close(edited(GREY), before)
    if initial == 1e-6:
        model.blocks = nn.ModuleList()
        torch.testing.assert_close(edited(GREY), model(GREY), rtol=1e-3, atol=1e-4)


def test_scales_do_not_decay_and_other_tricks_find_the_branches() -> None:
    """Stochastic depth goes where it went."""
    model = LayerScale(0.1).edit_model(DropPath(0.2).edit_model(SmallViT(), GREY), GREY)
    again = DropPath(0.2).edit_model(LayerScale(0.1).edit_model(SmallViT(), GREY), GREY)
    for edited in (model, again):
        mark_roles(edited, GREY)
        use_roles(edited)
        assert {role_of(scale.gamma) for scale in scales(edited)} == {Role.UNDECAYED}
        edited.train()(GREY).sum().backward()


@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda: SmallResNet(8), "there are none"),
        (
            lambda: timm_classifier("vit_tiny_patch16_224", 5, 3, init_values=1e-5, **TIMM),
            "has layer scale already",
        ),
    ],
    ids=["convolutions", "own"],
)
def test_where_it_does_not_apply_it_says_why(build: type, reason: str) -> None:
    """Networks of feature maps, and those that have it."""
    with pytest.raises(NotApplicable, match=reason):
        LayerScale().edit_model(build(), COLOUR)


def test_initial_has_a_range() -> None:
    """One line."""
    with pytest.raises(ValueError, match="initial=0"):
        LayerScale(0)
