"""The loss of images with several labels: questions of two answers each."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.joining.objective import Objective
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.label_smoothing import LabelSmoothing
from darkmagic.trainers.tricks.loss import BinaryCrossEntropy, MulticlassHinge

LOGITS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
LABELS = (torch.rand(6, 4, generator=torch.Generator().manual_seed(1)) < 0.4).float()


def _bce(targets: torch.Tensor) -> torch.Tensor:
    return F.binary_cross_entropy_with_logits(LOGITS, targets, reduction="sum") / len(LOGITS)


@pytest.mark.parametrize("trick", [Trick(), BinaryCrossEntropy()])
def test_cross_entropy_of_labels_is_binary(trick: Trick) -> None:
    """Either option is the same number, to the bit, so that one beside the other is inert."""
    assert torch.equal(Objective(trick, multilabel=True)(LOGITS, LABELS), _bce(LABELS))


def test_smoothing_of_labels_leaves_eps_on_the_other_answer() -> None:
    """1 - eps on the right one of two answers; targets that mixup blended are smoothed alike."""
    blended = torch.lerp(LABELS, LABELS.flip(0), 0.3)
    for targets in (LABELS, blended):
        ours = Objective(LabelSmoothing(0.1), multilabel=True)(LOGITS, targets)
        assert torch.allclose(ours, _bce(targets * 0.9 + (1 - targets) * 0.1), rtol=1e-5)


def test_hinge_of_labels_is_that_of_a_support_vector_machine() -> None:
    """The sum over labels of max(0, margin - z) where the image has it, max(0, margin + z) else."""
    ours = Objective(MulticlassHinge(margin=1.0), multilabel=True)(LOGITS, LABELS)
    sign = 2 * LABELS - 1
    assert torch.allclose(ours, (1 - sign * LOGITS).clamp_min(0).sum(1).mean())


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize(
    "trick", [Trick(), LabelSmoothing(0.1), BinaryCrossEntropy(), MulticlassHinge(margin=1.0)]
)
def test_weights_of_one_change_no_loss(trick: Trick, *, multilabel: bool) -> None:
    """Every hook's loss is a mean of images', so that equal weights leave it, and its gradient."""
    targets = LABELS if multilabel else F.one_hot(torch.arange(6) % 4, 4).float()
    found = []
    for weights in (None, torch.ones(4)):
        logits = LOGITS.clone().requires_grad_()
        loss = Objective(trick, weights, multilabel=multilabel)(logits, targets)
        (gradient,) = torch.autograd.grad(loss, logits)
        found.append((loss.detach(), gradient))
    (plain, gradient), (weighted, same) = found
    assert torch.allclose(gradient, same, atol=1e-6)
    if not (multilabel and isinstance(trick, BinaryCrossEntropy)):  # there by a constant, log(2) K
        assert torch.allclose(plain, weighted, rtol=1e-5)
