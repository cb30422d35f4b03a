"""What preflight says of options that the baseline is without."""

from __future__ import annotations

import pytest

from darkmagic.trainers.preflight.finding import Level
from darkmagic.trainers.preflight.left_out import check_left_out
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.attention_pooling import AttentionPooling
from darkmagic.trainers.tricks.layer_scale import LayerScale
from darkmagic.trainers.tricks.optimizer import Sgd
from preflighting import make_setup

TRICKS = {"attention": AttentionPooling(), "optimizer": Sgd(), "scale": LayerScale()}


def test_optional_tricks_that_do_not_apply_are_named_with_the_reason() -> None:
    """And shown before training, where others are there; what applies is not named."""
    finding = check_left_out(make_setup(tricks=TRICKS, optional_tricks="attention,scale"))
    assert finding is not None
    assert finding.level is Level.OK
    assert finding.tell
    assert finding.message == (
        "the baseline takes the network without what does not apply to it: scale (layer_scale "
        "scales residual branches of tokens, and there are none)"
    )
    assert finding.figures == {"left_out": ["scale"]}


def test_nothing_is_said_where_all_apply() -> None:
    """Nor is anything left out that is not optional."""
    assert check_left_out(make_setup(optional_tricks="optimizer")) is None
    with pytest.raises(NotApplicable):
        make_setup(tricks=TRICKS, optional_tricks="attention")
