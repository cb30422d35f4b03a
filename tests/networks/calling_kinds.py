"""Networks that call their layers in unusual ways: functions, lists, closures, sharing."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

WIDTH = 8


def conv(inputs: int = WIDTH, outputs: int = WIDTH, stride: int = 1, kernel: int = 3) -> nn.Conv2d:
    """Return a convolution that keeps the size of maps, but for its stride."""
    return nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2)


def lenet(num_classes: int, in_channels: int) -> nn.Module:
    """Return LeNet-5 as one sequence, with tanh and average pooling."""
    return nn.Sequential(
        *(nn.Conv2d(in_channels, 6, 5, padding=2), nn.Tanh(), nn.AvgPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.Tanh(), nn.AvgPool2d(2), nn.Flatten()),
        *(nn.Linear(576, 120), nn.Tanh(), nn.Linear(120, 84), nn.Tanh()),
        nn.Linear(84, num_classes),
    )


class Functional(nn.Module):
    """Parameters of its own, and functions: no module of a layer at all."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.randn(WIDTH, in_channels, 3, 3) * 0.2)
        self.second = nn.Parameter(torch.randn(WIDTH, WIDTH, 3, 3) * 0.1)
        self.head = nn.Parameter(torch.randn(num_classes, WIDTH) * 0.3)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(F.conv2d(x, self.first, padding=1))
        x = F.max_pool2d(x, 2)
        x = F.conv2d(x, self.second, stride=2, padding=1).relu()
        return F.linear(x.mean((2, 3)), self.head)


class PlainList(nn.Module):
    """Activations and poolings in a plain list, convolutions in a registered one."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList([conv(in_channels), conv(), conv()])
        self.after = [[nn.ReLU(), nn.MaxPool2d(2)], [nn.ReLU(), nn.MaxPool2d(2)], [nn.ReLU()]]
        self.head = nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for layer, after in zip(self.layers, self.after, strict=True):
            x = layer(x)
            for module in after:
                x = module(x)
        return self.head(x.mean((2, 3)))


class Closure(nn.Module):
    """Layers that only functions hold beside the registration."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2, self.act, self.pool = (
            *(conv(in_channels), conv(stride=2)),
            *(nn.ReLU(), nn.MaxPool2d(2)),
        )
        self.head = nn.Linear(WIDTH, num_classes)
        held = (self.conv1, self.act, self.pool, self.conv2, self.act)
        self.features: Callable[[Tensor], Tensor] = lambda x: _chain(x, held)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x).mean((2, 3)))


def _chain(x: Tensor, modules: tuple[nn.Module, ...]) -> Tensor:
    for module in modules:
        x = module(x)
    return x


class MadeInForward(nn.Module):
    """Modules without weights that are made anew in each forward."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1, self.conv2 = conv(in_channels), conv()
        self.head = nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.MaxPool2d(2)(nn.ReLU()(self.conv1(x)))
        x = nn.ReLU()(self.conv2(x))
        return self.head(nn.Flatten()(nn.AdaptiveAvgPool2d(1)(x)))


class SecondList(nn.Module):
    """All layers registered, and called through another, plain list."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *(conv(in_channels), nn.BatchNorm2d(WIDTH), nn.ReLU(), nn.MaxPool2d(2)),
            *(conv(), nn.BatchNorm2d(WIDTH), nn.ReLU()),
        )
        self.order = list(self.body)
        self.head = nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        for module in self.order:
            x = module(x)
        return self.head(x.mean((2, 3)))


class SharedBlock(nn.Module):
    """One block that runs three times, and one activation everywhere."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.stem, self.conv, self.norm = conv(in_channels), conv(), nn.BatchNorm2d(WIDTH)
        self.act, self.head = nn.ReLU(), nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.act(self.stem(x)), 2)
        for _ in range(3):
            x = self.act(x + self.norm(self.conv(x)))
        return self.head(x.mean((2, 3)))


class TiedWeights(nn.Module):
    """Two convolutions of one weight, and a norm behind the first of them."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.stem, self.one, self.two = conv(in_channels), conv(), conv()
        self.two.weight = self.one.weight
        self.norm, self.head = nn.BatchNorm2d(WIDTH), nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.one(F.relu(self.stem(x)))))
        x = F.relu(self.two(F.avg_pool2d(x, 2)))
        return self.head(x.mean((2, 3)))


def weight_normed(num_classes: int, in_channels: int) -> nn.Module:
    """Return a residual network with weight norm, and spectral norm at its head."""
    network = Residual(num_classes, in_channels, lambda x, y: x + y)
    for module in list(network.modules()):
        if isinstance(module, nn.Conv2d):
            weight_norm(module)
    spectral_norm(network.head)
    return network


class Gated(nn.Module):
    """A highway block: a sigmoid gate between the branch and the input."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.stem, self.branch, self.gate = conv(in_channels), conv(), conv()
        self.head = nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(x)), 2)
        t = torch.sigmoid(self.gate(x))
        x = t * F.relu(self.branch(x)) + (1 - t) * x
        return self.head(x.mean((2, 3)))


class TrainingPath(nn.Module):
    """Another activation in training than in evaluation, and a head that only trains."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.stem, self.conv, self.head = conv(in_channels), conv(), nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        x = F.rrelu(x, training=True) if self.training else F.leaky_relu(x, 0.2)
        x = F.relu(self.conv(F.max_pool2d(x, 2)))
        return self.head(x.mean((2, 3)))


class Residual(nn.Module):
    """Three residual blocks, whose sum is `join(x, branch)`."""

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        join: Callable[[Tensor, Tensor], Tensor],
        shortcut: Callable[[], nn.Module] = nn.Identity,
        norm: Callable[[int], nn.Module] = nn.BatchNorm2d,
    ) -> None:
        super().__init__()
        self.stem, self.head = conv(in_channels, stride=2), nn.Linear(WIDTH, num_classes)
        self.blocks = nn.ModuleList(Block(join, shortcut(), norm) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean((2, 3)))


class Block(nn.Module):
    """A pre-activation block."""

    def __init__(
        self,
        join: Callable[[Tensor, Tensor], Tensor],
        shortcut: nn.Module,
        norm: Callable[[int], nn.Module],
    ) -> None:
        super().__init__()
        self.join, self.shortcut = join, shortcut
        self.norm, self.conv1, self.conv2 = norm(WIDTH), conv(), conv()

    def forward(self, x: Tensor) -> Tensor:
        branch = self.conv2(F.relu(self.conv1(F.relu(self.norm(x)))))
        return self.join(self.shortcut(x), branch)
