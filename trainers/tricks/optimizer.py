"""optimizer: what turns gradients into updates.

What: SGD with momentum (classical or Nesterov's); Adagrad, RMSprop, Adadelta, Adam and AdamW,
which scale each weight's step by the history of its gradients; Lion, which steps by a sign;
SAM, which takes SGD's gradient where the loss nearby is worst; Muon, which orthogonalises the
momentum of hidden weights; schedule-free SGD, which averages instead of annealing.
Why: momentum averages gradients over steps, and Nesterov's looks one step ahead; scaling makes
up for gradients of very different sizes; flat minima (SAM) generalise better.
When it helps: SGD with Nesterov's momentum is the usual winner on CNNs with a tuned rate; Adam
and its kin need less tuning and a rate about a hundredth as large. SAM helps where a network
overfits, at two gradients a step. Muon is fast in short trainings.
Conflicts: Adam, Adagrad, RMSprop and Adadelta add weight decay to the gradient, where their
scaling shrinks it. In AdamW, Lion and Muon it is decoupled (weights shrink by rate times decay
a step), and is scaled so that without gradients it pulls as it does under SGD at `decay_lr` with
momentum `decay_momentum`, whose velocity adds each pull up to 1 / (1 - momentum) times it: a
decay of 1e-4 is one of 0.1 under AdamW at 1e-3. Schedule-free SGD takes decay as it is, at its
own rate, and drops lr_regime and lr_warmup for its own warm-up.
Source: Sutskever et al. 2013 (ICML) for Nesterov's momentum in deep nets; Duchi et al. 2011
(JMLR) for Adagrad; Tieleman & Hinton 2012 (lecture 6.5) for RMSprop; Zeiler 2012 (arXiv
1212.5701) for Adadelta; Kingma & Ba 2015 (arXiv 1412.6980) for Adam; Loshchilov & Hutter 2019
(arXiv 1711.05101) for AdamW; Chen et al. 2023 (arXiv 2302.06675) for Lion; Foret et al. 2021
(arXiv 2010.01412) for SAM; Jordan et al. 2024 (kellerjordan.github.io/posts/muon) for Muon;
Defazio et al. 2024 (arXiv 2405.15682) for schedule-free.
Published:
- adam against sgd_momentum: -0.72; ResNeXt-50; ImageNet; 120 epochs, cosine, decay of Adam
  decoupled and tuned (1e-1); Apollo README, image classification table
- adam against sgd_momentum: -7.07; ResNeXt-50; ImageNet; 120 epochs, cosine, both with decay 2e-4,
  Adam's decoupled; Apollo README, image classification table
- adam against sgd_momentum: -2.97; ResNet-110; CIFAR-10; 200 epochs, cosine, both with decay 5e-4,
  Adam's decoupled; Apollo README, image classification table
- sgd_nesterov against sgd_momentum: none found; torchvision's 2021 recipe post reports no
  significant difference.
- sam against sgd_momentum: +0.7; ResNet-50; ImageNet; 90 epochs, every 10th step; Composer, SAM
  card, technical details
- sam against sgd_momentum: +0.4; ResNet-50; ImageNet; 100 epochs; Foret et al. 2021, as Composer's
  SAM card quotes it
- sam against sgd_momentum: +0.34; WRN-16-8; CIFAR-10; 200 epochs, with label smoothing and cutout;
  davda54/sam README, experiments
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from darkmagic.trainers.fields import flag, number
from darkmagic.trainers.models.roles import split_hidden
from darkmagic.trainers.optimizers.lion import Lion as LionOptimizer
from darkmagic.trainers.optimizers.muon import MuonAndAdamW
from darkmagic.trainers.optimizers.sam import Sam as SamOptimizer
from darkmagic.trainers.optimizers.schedule_free import ScheduleFreeSgd
from darkmagic.trainers.trick import NotApplicable, ParamGroup, Trick
from darkmagic.trainers.tricks.lr_warmup import linear_warmup

__all__ = [
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "Muon",
    "RmsProp",
    "Sam",
    "ScheduleFree",
    "Sgd",
    "decouple",
]


def decouple(
    groups: Sequence[ParamGroup], lr: float, decay_lr: float, decay_momentum: float = 0.0
) -> list[ParamGroup]:
    """Return `groups` with a decay that pulls at `lr` as under SGD at `decay_lr`.

    SGD's velocity adds up pulls: with momentum they are 1 / (1 - `decay_momentum`) as strong.
    Raises `ValueError` unless `lr` is above 0.

    >>> decouple([{"params": [], "weight_decay": 1e-4}], lr=0.001, decay_lr=0.1)
    [{'params': [], 'weight_decay': 0.01}]
    """
    if lr <= 0:
        raise ValueError(f"lr={lr}: need lr > 0")
    pull = decay_lr / (1 - decay_momentum)
    return [{**group, "weight_decay": group["weight_decay"] * pull / lr} for group in groups]


@dataclass(frozen=True)
class Sgd(Trick):
    """Stochastic gradient descent with momentum, Nesterov's or the classical.

    >>> groups = [{"params": [torch.ones(2)], "weight_decay": 1e-4}]
    >>> Sgd(nesterov=True).build_optimizer(groups).defaults["nesterov"]
    True
    """

    lr: float = number(0.1, above=0)
    momentum: float = number(0.9, at_least=0, below=1)
    nesterov: bool = flag(False)

    constraints: ClassVar[tuple[str, ...]] = ("not nesterov or momentum > 0",)

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        return torch.optim.SGD(
            groups, lr=self.lr, momentum=self.momentum, nesterov=self.nesterov, fused=True
        )


@dataclass(frozen=True)
class Adagrad(Trick):
    """Steps scaled by the root of the sum of squared gradients so far.

    >>> groups = [{"params": [torch.ones(2)], "weight_decay": 1e-4}]
    >>> Adagrad(lr=0.02).build_optimizer(groups).defaults["lr"]
    0.02
    """

    lr: float = number(0.01, above=0)

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        return torch.optim.Adagrad(groups, lr=self.lr)


@dataclass(frozen=True)
class RmsProp(Trick):
    """Steps scaled by the root of an average of squared gradients, which forgets by `alpha`.

    >>> groups = [{"params": [torch.ones(2)], "weight_decay": 1e-4}]
    >>> RmsProp(alpha=0.99).build_optimizer(groups).defaults["alpha"]
    0.99
    """

    lr: float = number(1e-3, above=0)
    alpha: float = number(0.9, at_least=0, below=1)
    eps: float = number(1e-8, above=0)

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        return torch.optim.RMSprop(groups, lr=self.lr, alpha=self.alpha, eps=self.eps)


@dataclass(frozen=True)
class Adadelta(Trick):
    """RMSprop whose steps also have the size of an average of the steps before.

    >>> groups = [{"params": [torch.ones(2)], "weight_decay": 1e-4}]
    >>> Adadelta(rho=0.9).build_optimizer(groups).defaults["rho"]
    0.9
    """

    lr: float = number(1.0, above=0)
    rho: float = number(0.95, at_least=0, below=1)
    eps: float = number(1e-6, above=0)

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        return torch.optim.Adadelta(groups, lr=self.lr, rho=self.rho, eps=self.eps)


@dataclass(frozen=True)
class Adam(Trick):
    """Adam with L2 regularisation in the gradient, as in its paper.

    >>> groups = [{"params": [torch.ones(2)], "weight_decay": 1e-4}]
    >>> Adam(beta1=0.8).build_optimizer(groups).defaults["betas"]
    (0.8, 0.999)
    """

    lr: float = number(1e-3, above=0)
    beta1: float = number(0.9, at_least=0, below=1)
    beta2: float = number(0.999, at_least=0, below=1)
    eps: float = number(1e-8, above=0)

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        return torch.optim.Adam(
            groups, lr=self.lr, betas=(self.beta1, self.beta2), eps=self.eps, fused=True
        )


@dataclass(frozen=True)
class AdamW(Trick):
    """Adam with decoupled weight decay.

    >>> groups = [{"params": [torch.ones(2)], "weight_decay": 1e-4}]
    >>> round(AdamW(lr=1e-3).build_optimizer(groups).param_groups[0]["weight_decay"], 6)
    0.1
    """

    lr: float = number(1e-3, above=0)
    beta1: float = number(0.9, at_least=0, below=1)
    beta2: float = number(0.999, at_least=0, below=1)
    eps: float = number(1e-8, above=0)
    decay_lr: float = number(0.1, above=0)
    decay_momentum: float = number(0.9, at_least=0, below=1)

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(
            decouple(groups, self.lr, self.decay_lr, self.decay_momentum),
            lr=self.lr,
            betas=(self.beta1, self.beta2),
            eps=self.eps,
            fused=True,
        )


@dataclass(frozen=True)
class Lion(Trick):
    """The sign of a momentum; its rate is a third to a tenth of AdamW's.

    >>> groups = [{"params": [torch.ones(2)], "weight_decay": 1e-4}]
    >>> round(Lion(lr=1e-4).build_optimizer(groups).param_groups[0]["weight_decay"], 6)
    1.0
    """

    lr: float = number(3e-4, above=0)
    beta1: float = number(0.9, at_least=0, below=1)
    beta2: float = number(0.99, at_least=0, below=1)
    decay_lr: float = number(0.1, above=0)
    decay_momentum: float = number(0.9, at_least=0, below=1)

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        decoupled = decouple(groups, self.lr, self.decay_lr, self.decay_momentum)
        return LionOptimizer(decoupled, lr=self.lr, betas=(self.beta1, self.beta2))


@dataclass(frozen=True)
class Sam(Trick):
    """SGD by the gradient at the worst place within `rho`, to first order.

    >>> groups = [{"params": [torch.ones(2)], "weight_decay": 1e-4}]
    >>> type(Sam(rho=0.1).build_optimizer(groups)).__name__
    'Sam'
    """

    lr: float = number(0.1, above=0)
    momentum: float = number(0.9, at_least=0, below=1)
    nesterov: bool = flag(True)
    rho: float = number(0.05, above=0)

    constraints: ClassVar[tuple[str, ...]] = ("not nesterov or momentum > 0",)

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        base = Sgd(self.lr, self.momentum, self.nesterov).build_optimizer(groups)
        return SamOptimizer(base, self.rho)


@dataclass(frozen=True)
class Muon(Trick):
    """Muon on hidden weights, convolutions flattened, and AdamW on the rest.

    >>> net = nn.Sequential(*(nn.Linear(4, 4, bias=False) for _ in range(3)))
    >>> groups = [{"params": list(net.parameters()), "weight_decay": 0.0}]
    >>> [group["lr"] for group in Muon().build_optimizer(groups).param_groups]
    [0.02, 0.001]
    """

    lr: float = number(0.02, above=0)
    momentum: float = number(0.95, at_least=0, below=1)
    adamw_lr: float = number(1e-3, above=0)
    beta1: float = number(0.9, at_least=0, below=1)
    beta2: float = number(0.95, at_least=0, below=1)
    decay_lr: float = number(0.1, above=0)
    decay_momentum: float = number(0.9, at_least=0, below=1)

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        hidden, others = split_hidden(groups)
        if not hidden:
            raise NotApplicable("muon finds no weights between the first and the last layer")
        return MuonAndAdamW(
            decouple(hidden, self.lr, self.decay_lr, self.decay_momentum),
            decouple(others, self.adamw_lr, self.decay_lr, self.decay_momentum),
            lr=self.lr,
            momentum=self.momentum,
            adamw_lr=self.adamw_lr,
            betas=(self.beta1, self.beta2),
        )


@dataclass(frozen=True)
class ScheduleFree(Trick):
    """Schedule-free SGD. Its rate is that of SGD without momentum: about ten times as large.

    >>> [ScheduleFree(warmup=0.1).lr_factor(x) for x in (0, 0.05, 0.1, 1)]
    [0.0, 0.5, 1.0, 1.0]
    """

    lr: float = number(1.0, above=0)
    beta: float = number(0.9, above=0, at_most=1)
    warmup: float = number(0.05, above=0, below=1)  # share of training

    sole_schedule: ClassVar[bool] = True

    def lr_factor(self, progress: float) -> float:
        return linear_warmup(progress, self.warmup, start=0.0)

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        return ScheduleFreeSgd(groups, lr=self.lr, beta=self.beta)
