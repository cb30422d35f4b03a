"""Data sets that torchvision downloads."""

from __future__ import annotations

import pytest

from darkmagic.trainers.data.torchvision_sets import TorchvisionSet


def test_torchvision_sets_are_named() -> None:
    """One that we do not read is refused when the trial is set up."""
    with pytest.raises(ValueError, match="choose from CIFAR10"):
        TorchvisionSet("MNIST", "/nowhere")
