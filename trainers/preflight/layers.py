"""Where the parameters and the FLOPs are, and what cheaper convolutions would save.

What a depthwise and a 1x1 convolution would have in place of a plain one is counted as the trick
`convolution` does. A 1x1 convolution would only gain weights, and gets no such advice.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from darkmagic.trainers.models.fast_path import without_fast_path
from darkmagic.trainers.models.graph import evaluating
from darkmagic.trainers.models.notes import notes_of
from darkmagic.trainers.models.separable import parameters_saved
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["Layer", "check_layers", "list_layers", "separable_weights"]

MIN_SAVING = 0.1  # of the parameters: advice that saves less is not given


@dataclass(frozen=True)
class Layer:
    """A module with weights of its own. `flops` are one image's, a multiply-add counting as 2;
    `separable` is what it would have as a depthwise and a 1x1 convolution, None for others.
    """

    name: str
    kind: str
    parameters: int
    flops: int
    separable: int | None
    weights: int  # without a bias


def separable_weights(convolution: nn.Conv2d) -> int | None:
    """Return the weights of its depthwise separable form: None where that has no fewer."""
    if convolution.groups > 1:
        return None
    height, width = convolution.kernel_size
    saved = parameters_saved((height, width), convolution.in_channels, convolution.out_channels)
    return convolution.weight.numel() - saved if saved > 0 else None


def list_layers(network: nn.Module, example: Tensor) -> list[Layer]:
    """Return the layers with parameters, as registered. `example` is (B, C, H, W)."""
    from torch.utils.flop_counter import FlopCounterMode  # noqa: PLC0415 (slow to import)

    with evaluating(network), without_fast_path(), FlopCounterMode(display=False) as counter:
        network(example[:1])
    flops = {
        name.partition(".")[2]: sum(counts.values())
        for name, counts in counter.get_flop_counts().items()
    }
    return [
        Layer(
            name,
            type(module).__name__,
            parameters,
            int(flops.get(name, 0)),
            separable_weights(module) if isinstance(module, nn.Conv2d) else None,
            sum(p.numel() for p in module.parameters(recurse=False) if p.ndim > 1),
        )
        for name, module in network.named_modules()
        if (parameters := sum(p.numel() for p in module.parameters(recurse=False)))
    ]


def check_layers(setup: Setup) -> Finding:
    """Count parameters and FLOPs by layer; say what separable convolutions would save."""
    images, _ = setup.fixed_batch(1)
    layers = list_layers(setup.network(), images)
    parameters = sum(layer.parameters for layer in layers)
    flops = sum(layer.flops for layer in layers)
    largest = sorted(layers, key=lambda layer: (layer.flops, layer.parameters), reverse=True)
    figures = {
        "parameters": parameters,
        "flops": flops,
        "layers": [
            [layer.name, layer.kind, layer.parameters, layer.flops, layer.separable]
            for layer in largest
        ],
    }
    seen = f"{parameters:,} parameters, {flops:,} FLOPs an image, in {len(layers)} layers"
    advice = [_advice(layers, parameters), *notes_of(setup.untrained)]
    return Finding("layers", Level.OK, seen, "; ".join(filter(None, advice)), figures)


def _advice(layers: list[Layer], parameters: int) -> str:
    convertible = [layer for layer in layers if layer.separable is not None]
    saved = sum(layer.weights - (layer.separable or 0) for layer in convertible)
    if saved < MIN_SAVING * parameters:
        return ""
    return (
        f"depthwise separable, {len(convertible)} layers would have {saved:,} parameters fewer "
        "(kh kw fi + fi fo, not kh kw fi fo); 1x1 layers gain nothing"
    )
