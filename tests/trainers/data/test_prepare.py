"""From uint8 images to the network's inputs."""

from __future__ import annotations

import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from darkmagic.trainers.data.prepare import Normalizer, by_channel
from darkmagic.trainers.runtime.randomness import generator

CPU = torch.device("cpu")


def test_normalizer_matches_torchvision() -> None:
    """Images are normalized as by torchvision, and grey is repeated for a network of 3 channels."""
    images = torch.randint(0, 256, (4, 3, 6, 5), generator=generator(0, "i"), dtype=torch.uint8)
    mean, std = (0.1, 0.5, 0.9), (0.2, 0.3, 0.4)
    ours = Normalizer(by_channel(mean, std), 3, CPU)(images)
    theirs = tv.normalize(images.float() / 255, list(mean), list(std))
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    grey = Normalizer(by_channel((0.5,), (0.5,)), 3, CPU)(images[:, :1])
    assert grey.shape == images.shape
    assert torch.equal(grey[:, 0], grey[:, 2])
    with pytest.raises(ValueError, match="4 channels and the images have 3"):
        Normalizer(by_channel(mean, std), 4, CPU)
