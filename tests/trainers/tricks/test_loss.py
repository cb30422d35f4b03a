"""Binary cross-entropy and the hinge against timm, torch and their definitions."""

from __future__ import annotations

import math

import pytest
import torch
from timm.loss import BinaryCrossEntropy as TimmsBinaryCrossEntropy
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.hooks import refuse_conflicts
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.trick import Conflict, Trick
from darkmagic.trainers.tricks.cutmix import CutMix, CutMixOrMixup
from darkmagic.trainers.tricks.label_smoothing import LabelSmoothing
from darkmagic.trainers.tricks.loss import BinaryCrossEntropy, MulticlassHinge
from darkmagic.trainers.tricks.mixup import Mixup, mix

CONTRACT = {"changes": ["loss", "update"], "beside": {"label_smoothing": "0.0"}}

LOGITS = torch.randn(12, 5, generator=generator(0, "logits")) * 3
CLASSES = torch.arange(12) % 5
TARGETS = F.one_hot(CLASSES, 5).float()


def test_binary_cross_entropy_is_timms_summed_over_the_classes() -> None:
    """Of hard targets and of mixed ones; timm takes the mean over the classes."""
    _, mixed = mix(torch.zeros(12, 1, 1, 1), TARGETS, 0.3, torch.arange(11, -1, -1))
    for targets in (TARGETS, mixed):
        theirs = TimmsBinaryCrossEntropy(smoothing=0.0)(LOGITS, targets) * 5
        assert torch.allclose(BinaryCrossEntropy().loss(LOGITS, targets), theirs)


def test_a_logits_gradient_is_probability_less_target() -> None:
    """As under cross-entropy, with each class's own logistic probability."""
    logits = LOGITS.clone().requires_grad_()
    BinaryCrossEntropy().loss(logits, TARGETS).backward()
    assert logits.grad is not None
    assert torch.allclose(logits.grad * 12, LOGITS.sigmoid() - TARGETS, atol=1e-6)


def test_binary_cross_entropy_starts_at_k_log_2() -> None:
    """Where every logit is 0."""
    loss = BinaryCrossEntropy().loss(torch.zeros(12, 5), TARGETS)
    assert loss.item() == pytest.approx(5 * math.log(2))


@pytest.mark.parametrize("margin", [1.0, 0.5])
def test_the_hinge_is_torchs_summed_over_the_classes(margin: float) -> None:
    """Torch divides by the number of classes."""
    theirs = F.multi_margin_loss(LOGITS, CLASSES, margin=margin) * 5
    assert torch.allclose(MulticlassHinge(margin).loss(LOGITS, TARGETS), theirs)


def test_the_hinge_rests_when_the_margin_is_kept() -> None:
    """No loss and no gradient."""
    logits = (TARGETS * 1.5).requires_grad_()
    loss = MulticlassHinge().loss(logits, TARGETS)
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@pytest.mark.parametrize("mixing", [Mixup(), CutMix(), CutMixOrMixup()])
def test_the_hinge_refuses_mixed_targets(mixing: Trick) -> None:
    """Binary cross-entropy does not, and neither refuses tricks that are off."""
    with pytest.raises(Conflict, match="loss conflicts with mixing: it mixes targets"):
        refuse_conflicts({"loss": MulticlassHinge(), "mixing": mixing})
    refuse_conflicts({"loss": BinaryCrossEntropy(), "mixing": mixing})
    refuse_conflicts({"loss": MulticlassHinge(), "mixing": Trick()})


@pytest.mark.parametrize("loss", [BinaryCrossEntropy(), MulticlassHinge()])
def test_a_second_loss_is_refused(loss: Trick) -> None:
    """As a row that does not apply, and no failure."""
    with pytest.raises(Conflict, match="each has a loss of its own"):
        refuse_conflicts({"loss": loss, "label_smoothing": LabelSmoothing()})


def test_a_margin_is_positive() -> None:
    """One line says what is needed."""
    with pytest.raises(ValueError, match=r"margin=0: need margin > 0"):
        MulticlassHinge(margin=0)
