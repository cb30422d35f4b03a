"""What separating a convolution into a depthwise and a 1 x 1 one saves."""

from __future__ import annotations

__all__ = ["parameters_saved"]


def parameters_saved(kernel: tuple[int, int], inputs: int, outputs: int) -> int:
    """Return how many weights separating a convolution saves; negative where it costs some.

    >>> parameters_saved((3, 3), inputs=64, outputs=64)
    32192
    """
    area = kernel[0] * kernel[1]
    return area * inputs * outputs - (area * inputs + inputs * outputs)
