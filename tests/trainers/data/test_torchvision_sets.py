"""Data sets that torchvision downloads."""

from __future__ import annotations

import pytest

from darkmagic.trainers.data.torchvision_sets import TorchvisionSet


def test_unknown_torchvision_set_is_refused() -> None:
    """A name that is not among the supported data sets raises an error when the set is created."""
    with pytest.raises(ValueError, match="choose from CIFAR10"):
        TorchvisionSet("MNIST", "/nowhere")
