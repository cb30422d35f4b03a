"""gradient_centralization: the gradients that are stepped by, against the paper's formula."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.step.eager import training_step
from darkmagic.trainers.tricks.gradient_centralization import GradientCentralization, centralize
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.weight_decay import WeightDecay
from training import changed_parts

CONTRACT = {"changes": ["update", "beside_steps"]}


def _random_gradient(*shape: int) -> nn.Parameter:
    parameter = nn.Parameter(torch.zeros(shape))
    parameter.grad = torch.randn(shape, generator=generator(0, *shape))
    return parameter


def test_centralized_gradient_is_the_papers_projection() -> None:
    """Each row of the matrix of outputs is multiplied by P = I - e e^T, e = 1 / sqrt(M)."""
    gradient = torch.randn(6, 4, 3, 3, generator=generator(0, "g"), dtype=torch.float64)
    size = 4 * 3 * 3
    e = torch.full((size, 1), size**-0.5, dtype=torch.float64)
    projection = torch.eye(size, dtype=torch.float64) - e @ e.T
    expected = (gradient.flatten(1) @ projection).view_as(gradient)
    torch.testing.assert_close(centralize(gradient), expected)
    assert centralize(gradient).sum((1, 2, 3)).abs().max() < 1e-12


def test_matrices_and_kernels_are_centralized_and_vectors_are_not() -> None:
    """A weight of one number an output would have no gradient left, and is left alone."""
    kernel, matrix = _random_gradient(4, 3, 3, 3), _random_gradient(5, 7)
    bias, single = _random_gradient(5), _random_gradient(4, 1, 1, 1)
    parameters = [kernel, matrix, bias, single]
    before = [_gradient(p).clone() for p in parameters]
    GradientCentralization().transform_gradients(parameters)
    assert torch.equal(_gradient(kernel), centralize(before[0]))
    assert torch.equal(_gradient(matrix), centralize(before[1]))
    assert torch.equal(_gradient(bias), before[2])
    assert torch.equal(_gradient(single), before[3])
    GradientCentralization(convolutions_only=True).transform_gradients(
        [again := _random_gradient(5, 7)]
    )
    assert torch.equal(_gradient(again), before[1])


def _gradient(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def test_training_keeps_the_sum_of_a_filters_weights() -> None:
    """Steps of SGD without weight decay move every filter within the plane of its sum."""
    network = SmallResNet(8, 4, 10, 1)
    hooks = Hooks({"optimizer": Sgd(lr=0.1), "gc": GradientCentralization()}, 0)
    optimizer = hooks.build_optimizer(network)
    rng = generator(0, "batch")
    before = {n: p.detach().clone() for n, p in network.named_parameters() if p.ndim > 1}
    for _ in range(3):
        images, targets = torch.randn(8, 1, 8, 8, generator=rng), torch.rand(8, 10, generator=rng)
        training_step(
            network, optimizer, hooks, images, targets, device=torch.device("cpu"), amp="off"
        )
    for name, parameter in network.named_parameters():
        if name in before:
            assert not torch.equal(parameter, before[name])
            moved = (parameter - before[name]).flatten(1).sum(1)
            assert moved.abs().max() < 1e-5, name


def test_weight_decay_is_added_after_it() -> None:
    """What decays is the whole weight: under decay alone, no gradient, weights shrink evenly."""
    parameter = nn.Parameter(torch.randn(4, 6, generator=generator(0, "w")))
    model = nn.Sequential(nn.Linear(6, 4, bias=False))
    model[0].weight = parameter
    tricks = {"gc": GradientCentralization(), "wd": WeightDecay(0.5), "sgd": Sgd(lr=0.1)}
    hooks = Hooks(tricks, 0)
    optimizer = hooks.build_optimizer(model)
    start = parameter.detach().clone()
    parameter.grad = torch.zeros_like(parameter)
    hooks.transform_gradients(model.parameters())
    optimizer.step()
    torch.testing.assert_close(parameter.detach(), 0.95 * start)


def test_fingerprint_sees_the_update() -> None:
    """A fingerprint tells the trick by the steps that it changes."""
    assert changed_parts(GradientCentralization()) == {"loss", "update", "beside_steps"}
