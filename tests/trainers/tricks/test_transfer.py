"""transfer: what trains, at which lr, and what stays bit for bit."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
import torchvision
from torch import nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import NotApplicable, Trick
from darkmagic.trainers.tricks.convolution import DepthwiseSeparable
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.pretrain import Pretrained, take_pretrained_share
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite
from darkmagic.trainers.tricks.transfer import (
    FreezeAllButHead,
    FreezeFirstStage,
    LowerLr,
    all_but_head,
    first_stage,
)
from darkmagic.trainers.tricks.weight_decay import WeightDecay

CONTRACT = {"beside": {"pretrain": "pretrained"}}

EXAMPLE = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def weights(tmp_path: Path) -> str:
    torch.manual_seed(1)
    torch.save(SmallResNet(8, num_classes=5).state_dict(), tmp_path / "w.pt")
    return str(tmp_path / "w.pt")


def steps(tricks: dict[str, Trick]) -> tuple[nn.Module, nn.Module]:
    """Return a network before and after two steps of training."""
    torch.manual_seed(0)
    hooks = Hooks({"optimizer": Sgd(lr=0.1), **tricks}, 0)
    model = hooks.edit_model(SmallResNet(8, num_classes=10), EXAMPLE)
    take_pretrained_share(model)  # as training does before it builds the optimizer
    before = copy.deepcopy(model)
    optimizer = hooks.build_optimizer(model)
    for _ in range(2):
        model.train()  # as after each evaluation
        hooks.schedule(optimizer, 0.5)
        model(EXAMPLE).logsumexp(1).sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    return before, model


def changed(before: nn.Module, after: nn.Module) -> set[str]:
    old, new = before.state_dict(), after.state_dict()
    return {name for name in old if not torch.equal(old[name], new[name])}


def test_the_first_stage_stays_bit_for_bit(weights: str) -> None:
    """Stem and first stage with their statistics; all else changes."""
    before, after = steps({"pretrain": Pretrained(weights), "transfer": FreezeFirstStage()})
    kept = {n for n in before.state_dict() if n.startswith(("stem.", "blocks.0."))}
    assert changed(before, after) == set(before.state_dict()) - kept
    assert not any(p.requires_grad for n, p in after.named_parameters() if n in kept)


def test_all_but_the_head_stay_bit_for_bit(weights: str) -> None:
    """Statistics too, though the network is in training mode."""
    before, after = steps({"pretrain": Pretrained(weights), "transfer": FreezeAllButHead()})
    assert changed(before, after) == {"head.weight", "head.bias"}


def test_fresh_layers_in_a_frozen_stage_train(weights: str) -> None:
    """Gates that no pretraining gave."""
    tricks = {"pretrain": Pretrained(weights), "squeeze_excite": SqueezeExcite()}
    before, after = steps({**tricks, "transfer": FreezeAllButHead()})
    training = {n for n, p in after.named_parameters() if p.requires_grad}
    gates = {n for n, _ in after.named_parameters() if ".se." in n}
    assert training == gates | {"head.weight", "head.bias"}
    names = {n.replace("layer.", "") for n in training}
    assert changed(before, after) <= names
    assert any(".se." in n for n in changed(before, after))


def test_frozen_norms_use_their_statistics(weights: str) -> None:
    """In training mode the first stage computes what it does in evaluation."""
    _, model = steps({"pretrain": Pretrained(weights), "transfer": FreezeFirstStage()})
    body = nn.Sequential(model.stem, model.blocks[0])
    assert torch.equal(body.train()(EXAMPLE), body.eval()(EXAMPLE))


def test_a_tenth_of_the_lr_on_what_was_pretrained(weights: str) -> None:
    """The head, which was not, has the lr; weight decay reaches both."""
    hooks = Hooks(
        {  # the order of the configuration is no matter
            "transfer": LowerLr(0.1),
            "weight_decay": WeightDecay(1e-3),
            "pretrain": Pretrained(weights),
            "optimizer": Sgd(lr=0.2),
        },
        0,
    )
    model = hooks.edit_model(SmallResNet(8, num_classes=10), EXAMPLE)
    optimizer = hooks.build_optimizer(model)
    hooks.schedule(optimizer, 0.5)
    found = {
        id(p): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }
    for name, parameter in model.named_parameters():
        lr = 0.2 if name.startswith("head") else 0.02
        decay = 1e-3 if parameter.ndim > 1 else 0.0
        assert found[id(parameter)] == pytest.approx((lr, decay)), name
    assert optimizer.param_groups[0]["lr"] == 0.2


def test_lower_lr_survives_a_move_and_an_all_pretrained_network(tmp_path: Path) -> None:
    """Another memory format makes no new parameters; a group may be empty."""
    torch.save(SmallResNet(8).state_dict(), tmp_path / "w.pt")
    hooks = Hooks({"pretrain": Pretrained(str(tmp_path / "w.pt")), "transfer": LowerLr()}, 0)
    model = hooks.edit_model(SmallResNet(8), EXAMPLE)
    model = model.to(device="cpu", memory_format=torch.channels_last)
    optimizer = hooks.build_optimizer(model)
    hooks.schedule(optimizer, 0.0)
    model(EXAMPLE).sum().backward()
    optimizer.step()
    lrs = [group["lr"] for group in optimizer.param_groups if group["params"]]
    assert lrs == pytest.approx([0.01, 0.01])


@pytest.mark.parametrize("trick", [FreezeFirstStage(), FreezeAllButHead(), LowerLr()], ids=repr)
def test_without_pretrained_weights_there_is_nothing_to_transfer(trick: Trick) -> None:
    """Also where a trick comes before pretraining in the configuration."""
    with pytest.raises(NotApplicable, match="the recipe has none"):
        steps({"transfer": trick})


def test_weights_of_the_edited_network_are_transferred_too(tmp_path: Path) -> None:
    """They load after all edits, and transfer comes after that."""
    torch.save(SqueezeExcite().edit_model(SmallResNet(8), EXAMPLE).state_dict(), tmp_path / "e.pt")
    tricks = {"transfer": FreezeAllButHead(), "squeeze_excite": SqueezeExcite()}
    late = Pretrained(str(tmp_path / "e.pt"), after_edits=True)
    before, after = steps({**tricks, "pretrain": late})
    assert changed(before, after) == {"head.weight", "head.bias"}


def test_a_first_stage_whose_weights_were_replaced_has_none_to_freeze(tmp_path: Path) -> None:
    """The message says which part."""
    source = {"blocks.2.conv2.weight": SmallResNet(8).blocks[2].conv2.weight}
    torch.save(source, tmp_path / "w.pt")
    tricks = {"pretrain": Pretrained(str(tmp_path / "w.pt")), "transfer": FreezeFirstStage()}
    with pytest.raises(NotApplicable, match="left in the model's first stage"):
        steps(tricks)
    tricks = {**tricks, "transfer": FreezeAllButHead(), "convolution": DepthwiseSeparable()}
    with pytest.raises(NotApplicable, match="left in the model below its head"):
        steps(tricks)


@pytest.mark.parametrize(
    ("name", "frozen"),
    [
        ("resnet18", ("conv1", "bn1", "layer1")),
        ("resnet50", ("conv1", "bn1", "layer1")),
        ("vgg11", ("features.0",)),
        ("densenet121", ("features.conv0", "features.norm0")),
    ],
)
def test_first_stages_of_other_networks(name: str, frozen: tuple[str, ...]) -> None:
    """A stem without a residual block is no stage where blocks follow."""
    kwargs = {"init_weights": False} if name == "vgg11" else {}
    model = torchvision.models.get_model(name, num_classes=10, **kwargs)
    done = {id(m) for m in first_stage(model, torch.randn(2, 3, 64, 64))}
    names = {
        n for n, m in model.named_modules() if id(m) in done and list(m.parameters(recurse=False))
    }
    expected = {
        n
        for n, m in model.named_modules()
        if n.startswith(frozen) and list(m.parameters(recurse=False))
    }
    assert names == expected


@pytest.mark.parametrize(("name", "head"), [("resnet18", "fc"), ("squeezenet1_1", "classifier.1")])
def test_the_head_is_the_last_layer(name: str, head: str) -> None:
    """Whatever it is called, and where it is a convolution."""
    model = torchvision.models.get_model(name, num_classes=10)
    rest = set(all_but_head(model, torch.randn(2, 3, 64, 64)))
    assert set(model.modules()) - rest == {model.get_submodule(head)}


def test_factor_has_a_range() -> None:
    """One line."""
    with pytest.raises(ValueError, match="factor=1"):
        LowerLr(1)
