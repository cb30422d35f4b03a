"""activation: every place, no other, and what maxout computes."""

from __future__ import annotations

import copy

import pytest
import torch
import torchvision
from torch import Tensor, nn

from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.models.widen import Maxout
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.activation import Activation
from darkmagic.trainers.tricks.squeeze_excite import SqueezeExcite

CONTRACT = {"changes": ["network", "loss", "update"], "same": ["relu"]}

EXAMPLE = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
FORMULAS = {
    "relu": lambda x: x.clamp(min=0),
    "leaky_relu": lambda x: torch.where(x > 0, x, 0.3 * x),
    "prelu": lambda x: torch.where(x > 0, x, 0.3 * x),
    "elu": lambda x: torch.where(x > 0, x, x.exp() - 1),
    "swish": lambda x: x / (1 + (-x).exp()),
    "gelu": lambda x: x * (1 + torch.erf(x / 2**0.5)) / 2,
    "tanh": lambda x: (x.exp() - (-x).exp()) / (x.exp() + (-x).exp()),
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
}


class Plain(nn.Module):
    """Two convolutions and a hidden layer."""

    def __init__(self, act: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.conv1, self.act1 = nn.Conv2d(3, 4, 3, 2), act()
        self.conv2, self.norm2, self.act2 = nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6), act()
        self.hidden, self.act3 = nn.Linear(6, 8), act()
        self.head = nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = self.act2(self.norm2(self.conv2(self.act1(self.conv1(x)))))
        return self.head(self.act3(self.hidden(x.mean((2, 3)))))


@pytest.mark.parametrize("name", FORMULAS)
def test_it_computes_the_formula_everywhere(name: str) -> None:
    """In feature maps and hidden vectors, whatever was there before."""
    torch.manual_seed(0)
    model = Plain(nn.Hardswish).eval()
    f = FORMULAS[name]
    maps = f(model.norm2(model.conv2(f(model.conv1(EXAMPLE)))))
    expected = model.head(f(model.hidden(maps.mean((2, 3)))))
    edited = Activation(name, slope=0.3).edit_model(model, EXAMPLE)
    torch.testing.assert_close(edited(EXAMPLE), expected)
    assert type(edited.act1) is type(edited.act3)


def test_one_relu_for_each_place_of_resnet18() -> None:
    """Shared modules as well: 17 places, and the right module already is left alone."""
    model = torchvision.models.resnet18(num_classes=10)
    same = Activation("relu").edit_model(copy.deepcopy(model), EXAMPLE)
    assert [type(m) for m in same.modules()] == [type(m) for m in model.modules()]
    edited = Activation("gelu").edit_model(model, EXAMPLE)
    assert sum(isinstance(m, nn.GELU) for m in edited.modules()) == 17
    assert not any(isinstance(m, nn.ReLU) for m in edited.modules())


def test_gates_keep_theirs() -> None:
    """Those of the network and those of squeeze_excite."""
    model = torchvision.models.mobilenet_v3_small(num_classes=10)
    gates = sum("fc1" in name for name, _ in model.named_modules())
    edited = Activation("tanh").edit_model(model, EXAMPLE)
    kept = [n for n, m in edited.named_modules() if isinstance(m, (nn.ReLU, nn.Hardswish))]
    assert len(kept) == gates
    assert all(name.endswith(".activation") for name in kept)
    small = SqueezeExcite().edit_model(SmallResNet(8), EXAMPLE)
    expected = sum(isinstance(m, nn.ReLU) for m in small.modules())
    edited = Activation("tanh").edit_model(small, EXAMPLE)
    assert sum(isinstance(m, nn.Tanh) for m in edited.modules()) == expected


def test_prelu_learns_a_slope_that_does_not_decay() -> None:
    """One number a layer, from 0.1, in the group without weight decay."""
    edited = Activation("prelu", slope=0.1).edit_model(SmallResNet(8), EXAMPLE)
    slopes = [m.weight for m in edited.modules() if isinstance(m, nn.PReLU)]
    assert [w.tolist() for w in slopes] == [[pytest.approx(0.1)]] * 7
    assert all(w.ndim == 1 for w in slopes)


def test_maxout_is_the_largest_of_linear_pieces() -> None:
    """max_j (x W_j + b_j), the weights of each piece being a layer's own."""
    torch.manual_seed(0)
    model = Plain()
    before = copy.deepcopy(model)
    edited = Activation("maxout", pieces=3).edit_model(model, EXAMPLE)
    assert edited.hidden.weight.shape == (24, 6)
    assert edited.norm2.num_features == 18
    assert torch.equal(edited.hidden.weight[::3], before.hidden.weight)
    vector = torch.randn(5, 6)
    weight, bias = edited.hidden.weight.view(8, 3, 6), edited.hidden.bias.view(8, 3)
    pieces = torch.stack([vector @ weight[:, j].T + bias[:, j] for j in range(3)])
    torch.testing.assert_close(edited.act3(edited.hidden(vector)), pieces.amax(0))
    assert edited.train()(EXAMPLE).shape == (2, 10)


def test_maxout_doubles_the_layers_before_it_and_no_other() -> None:
    """In a residual block the first convolution; after the sum nothing can be widened."""
    model = SmallResNet(8)
    edited = Activation("maxout").edit_model(copy.deepcopy(model), EXAMPLE)
    wide = [
        name
        for name, p in edited.named_parameters()
        if p.shape != model.get_parameter(name).shape and p.ndim == 4
    ]
    assert wide == ["stem.0.weight", *(f"blocks.{i}.conv1.weight" for i in range(3))]
    assert sum(isinstance(m, Maxout) for m in edited.modules()) == 4
    assert edited.blocks[0].conv1.weight.std().item() == pytest.approx(
        model.blocks[0].conv1.weight.std().item(), rel=0.1
    )


@pytest.mark.parametrize("activation", ["elu", "maxout"])
@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "timm"])
def test_edited_networks_train(name: str, activation: str) -> None:
    """A step gives every parameter a finite gradient."""
    torch.manual_seed(0)
    if name == "timm":
        model = timm_classifier("efficientnet_lite0", 10, 3)  # its norms hold activations
    else:
        model = torchvision.models.get_model(name, num_classes=10)
    model = Activation(activation).edit_model(model, EXAMPLE)
    for _ in range(2):
        model(EXAMPLE).logsumexp(1).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_functional_activations_are_replaced() -> None:
    """In the code of the modules that call them, also 57 times in one network."""
    model = torchvision.models.googlenet(num_classes=10, aux_logits=False, init_weights=False)
    edited = Activation("elu").edit_model(model, EXAMPLE)
    assert sum(isinstance(module, nn.ELU) for module in edited.modules()) == 57
    assert not any("elu" in name or "relu" in name for name in edited.state_dict())


def test_networks_without_activations_between_layers_are_refused() -> None:
    """What acts on the image or on the logits is between none."""
    with pytest.raises(NotApplicable, match="none between"):
        Activation("elu").edit_model(nn.Sequential(nn.Flatten(), nn.Linear(3072, 10)), EXAMPLE)
    preactivated = nn.Sequential(
        *(nn.ReLU(), nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(3600, 10))
    )
    with pytest.raises(NotApplicable, match="that it can widen"):
        Activation("maxout").edit_model(preactivated, EXAMPLE)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"activation": "rleu"}, "rleu.*choose from relu"),
        ({"slope": 1.0}, "slope=1.0"),
        ({"pieces": 1}, "pieces=1"),
    ],
)
def test_fields_have_ranges(fields: dict[str, object], message: str) -> None:
    """One line each."""
    with pytest.raises(ValueError, match=message):
        Activation(**fields)  # type: ignore[arg-type]
