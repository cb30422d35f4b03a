"""optimizer: what turns gradients into updates.

What: SGD with momentum, SGD with Nesterov's momentum, or Adam.
Why: momentum averages gradients over steps; Nesterov's looks one step ahead; Adam scales
each weight's step by its own gradient history.
When it helps: SGD with Nesterov's momentum is the usual winner on CNNs with a tuned rate;
Adam needs less tuning and a rate about a hundredth as large.
Conflicts: Adam adds weight decay to the gradient, where its scaling shrinks it, so a decay
tuned for SGD acts differently under it.
Source: Sutskever et al. 2013 (ICML) for Nesterov's momentum in deep nets; Kingma & Ba 2015
(arXiv 1412.6980) for Adam.
Published:
- adam against sgd_momentum: -0.72; ResNeXt-50; ImageNet; 120 epochs, cosine, decay of Adam
  decoupled and tuned (1e-1); Apollo README, image classification table
- adam against sgd_momentum: -7.07; ResNeXt-50; ImageNet; 120 epochs, cosine, both with decay 2e-4,
  Adam's decoupled; Apollo README, image classification table
- adam against sgd_momentum: -2.97; ResNet-110; CIFAR-10; 200 epochs, cosine, both with decay 5e-4,
  Adam's decoupled; Apollo README, image classification table
- sgd_nesterov against sgd_momentum: none found; torchvision's 2021 recipe post reports no
  significant difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from darkmagic.trainers.trick import ParamGroup, Trick

__all__ = ["Adam", "Sgd"]


@dataclass(frozen=True)
class Sgd(Trick):
    """Stochastic gradient descent with momentum, Nesterov's or the classical."""

    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            groups, lr=self.lr, momentum=self.momentum, nesterov=self.nesterov, fused=True
        )


@dataclass(frozen=True)
class Adam(Trick):
    """Adam with L2 regularisation in the gradient, as in its paper."""

    lr: float = 1e-3
    beta1: float = 0.9
    beta2: float = 0.999
    eps: float = 1e-8

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            groups, lr=self.lr, betas=(self.beta1, self.beta2), eps=self.eps, fused=True
        )
