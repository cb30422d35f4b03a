"""Roles of parameters: by what a network does with them, in whatever order it has them."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import timm
import torch
import torchvision
from timm.optim import param_groups_weight_decay
from torch import nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.models.roles import Role, mark_roles, role_of, use_roles
from darkmagic.trainers.tricks.optimizer import Muon
from darkmagic.trainers.tricks.weight_decay import WeightDecay
from token_networks import SmallViT


def _timm(name: str, **kwargs: object) -> nn.Module:
    return timm.create_model(name, num_classes=5, **kwargs)  # type: ignore[no-any-return]


def _roles(model: nn.Module, size: int, channels: int = 3) -> dict[str, Role | None]:
    mark_roles(model, torch.randn(2, channels, size, size))
    model = copy.deepcopy(model)  # roles follow a copy
    use_roles(model)
    return {name: role_of(parameter) for name, parameter in model.named_parameters()}


def _names(roles: dict[str, Role | None], role: Role) -> set[str]:
    return {name for name, found in roles.items() if found is role}


VIT = {"depth": 2, "embed_dim": 32, "num_heads": 2}
TOKENS: dict[str, tuple[Callable[[], nn.Module], int, set[str]]] = {
    "vit": (
        lambda: _timm("vit_tiny_patch16_224", img_size=32, **VIT),
        32,
        {"patch_embed.proj", "head"},
    ),
    "deit distilled": (
        lambda: _timm("deit_tiny_distilled_patch16_224", img_size=32, **VIT),
        32,
        {"patch_embed.proj", "head", "head_dist"},
    ),
    "swin": (
        lambda: _timm(
            "swin_tiny_patch4_window7_224",
            img_size=32,
            window_size=4,
            depths=(1, 1),
            embed_dim=24,
            num_heads=(2, 2),
        ),
        32,
        {"patch_embed.proj", "head.fc"},
    ),
    "cait": (
        lambda: _timm("cait_xxs24_224", img_size=32, depth=2, embed_dim=24, num_heads=2),
        32,
        {"patch_embed.proj", "head"},
    ),
}


@pytest.mark.parametrize("name", TOKENS)
def test_what_timm_does_not_decay_never_does(name: str) -> None:
    """Of timm's token networks, timm's own groups agree on every parameter."""
    make, size, _ = TOKENS[name]
    model = make()
    listed = model.no_weight_decay()  # type: ignore[operator]
    spared = param_groups_weight_decay(model, 0.1, no_weight_decay_list=listed)[0]["params"]
    theirs = {n for n, p in model.named_parameters() if any(p is q for q in spared)}
    tables = {n for n, _ in model.named_parameters() if "relative_position_bias_table" in n}
    roles = _roles(model, size)
    assert _names(roles, Role.UNDECAYED) == theirs | tables


@pytest.mark.parametrize("name", TOKENS)
def test_first_and_last_layers_are_those_that_run_first_and_last(name: str) -> None:
    """The patch stem and every head are no hidden weights, and all other matrices are."""
    make, size, outer = TOKENS[name]
    roles = _roles(make(), size)
    assert _names(roles, Role.OUTER) == {f"{layer}.weight" for layer in outer}
    assert len(_names(roles, Role.HIDDEN)) >= 8


def test_order_of_registration_decides_nothing() -> None:
    """A head that is registered first and patches that come last are what they are."""
    roles = _roles(SmallViT(), 8, 1)
    assert _names(roles, Role.OUTER) == {"head.weight", "patches.weight"}
    apart = {"pos_embed", "cls_token", "gamma"}
    apart |= {f"blocks.{i}.attention.relative_bias" for i in range(2)}
    vectors = {n for n, p in SmallViT().named_parameters() if p.ndim == 1}
    assert _names(roles, Role.UNDECAYED) == apart | vectors


@pytest.mark.parametrize("build", ["convnext_tiny", "swin_t", "vit_b_16"])
def test_torchvisions_scales_and_tables_are_not_decayed(build: str) -> None:
    """Layer scale of three dimensions, tables of relative biases, position embedding and token."""
    small = {"image_size": 32} if build == "vit_b_16" else {}
    model = torchvision.models.get_model(build, num_classes=5, **small)
    roles = _roles(model, 32)
    words = ("layer_scale", "relative_position_bias", "pos_embedding", "class_token")
    tables = {n for n, p in model.named_parameters() if p.ndim > 1 and any(w in n for w in words)}
    assert tables
    wide = {n for n, p in model.named_parameters() if p.ndim > 1}
    assert _names(roles, Role.UNDECAYED) & wide == tables
    assert len(_names(roles, Role.OUTER)) == 2


def test_gains_of_standardised_weights_are_no_weights() -> None:
    """Timm's have the shape (C, 1, 1, 1); they scale a kernel and are not orthogonalised."""
    roles = _roles(_timm("nfnet_l0"), 64)
    gains = {name for name in roles if name.endswith(".gain")}
    assert gains
    assert {roles[name] for name in gains} == {Role.UNDECAYED}
    assert roles["stages.0.0.conv2.weight"] is Role.HIDDEN


def test_both_parallel_stems_are_first_layers() -> None:
    """RepVGG's two convolutions of the image are first layers, and the scales of weight norm are
    no weights.
    """
    roles = _roles(_timm("repvgg_a0"), 64)
    stems = {f"stem.conv_{kind}.conv.weight" for kind in ("kxk", "1x1")}
    assert _names(roles, Role.OUTER) == stems | {"head.fc.weight"}
    net = SmallResNet(8, 4, 10, 1)
    nn.utils.parametrizations.weight_norm(net.blocks[0].conv1)
    found = _roles(net, 8, 1)
    assert found["blocks.0.conv1.parametrizations.weight.original0"] is Role.UNDECAYED
    assert found["blocks.0.conv1.parametrizations.weight.original1"] is Role.HIDDEN


@pytest.mark.parametrize("reverse", [False, True])
def test_muon_orthogonalises_hidden_weights_whatever_the_groups(reverse: bool) -> None:
    """The split is that of roles, in groups in any order, as tricks of the rate make them."""
    model = SmallViT()
    mark_roles(model, torch.randn(2, 1, 8, 8))

    class Reversed(WeightDecay):
        def edit_param_groups(self, groups: list[dict[str, object]]) -> list[dict[str, object]]:
            turned = [{**g, "params": list(reversed(g["params"]))} for g in groups]  # type: ignore[call-overload]
            return turned[::-1] if reverse else turned

    hooks = Hooks({"optimizer": Muon(), "turn": Reversed(0.1)}, seed=0)
    optimizer = hooks.build_optimizer(model)
    muons = [group for group in optimizer.param_groups if "momentum" in group]
    hidden = {p for group in muons for p in group["params"]}
    names = {n for n, p in model.named_parameters() if p in hidden}
    layers = ("attention.qkv", "attention.proj", "mlp.0", "mlp.2")
    assert names == {f"blocks.{i}.{layer}.weight" for i in range(2) for layer in layers}


def test_network_that_cannot_be_recorded_still_has_roles_by_kind() -> None:
    """What a recording breaks is no reason not to train."""

    class Refuses(nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            if torch.utils._python_dispatch._get_current_dispatch_mode() is not None:
                raise TypeError("no modes here")
            return super().forward(x.flatten(1))

    model = Refuses(64, 2)
    mark_roles(model, torch.randn(2, 1, 8, 8))
    use_roles(model)
    assert role_of(model.weight) is None
    assert role_of(model.bias) is Role.UNDECAYED
