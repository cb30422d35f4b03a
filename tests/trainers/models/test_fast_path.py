"""Torch's fused evaluation of transformer layers hides no edit: it acts in both modes."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.fast_path import without_fast_path
from darkmagic.trainers.models.graph import trace_model
from darkmagic.trainers.models.structure import find_residuals
from darkmagic.trainers.trick import NotApplicable, Trick
from darkmagic.trainers.tricks.activation import Activation
from darkmagic.trainers.tricks.drop_path import DropPath
from darkmagic.trainers.tricks.layer_scale import LayerScale

X = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))


class Encoded(nn.Module):
    """Torch's own encoder, of two layers, on patches of an image."""

    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, 0.0, nn.ReLU(), batch_first=True)
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.encoder = nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(16, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patch(x).flatten(2).transpose(1, 2)
        return self.head(self.encoder(tokens).mean(1))  # type: ignore[no-any-return]


def evaluated(model: nn.Module) -> Tensor:
    with torch.no_grad():
        logits: Tensor = model.eval()(X)
    return logits


def trained(model: nn.Module) -> Tensor:
    """Return what training computes: with gradients, and so never as one operation."""
    logits: Tensor = model.train()(X)
    return logits.detach()


def pickled(model: nn.Module) -> nn.Module:
    copied: nn.Module = pickle.loads(pickle.dumps(model))
    return copied


@pytest.fixture
def model() -> Encoded:
    torch.manual_seed(0)
    return Encoded()


def test_trace_in_eval_mode_shows_the_residuals_of_encoder_layers(model: Encoded) -> None:
    """Two a layer, and the fast path is as it was after the trace."""
    assert len(find_residuals(trace_model(model, X))) == 4
    assert torch.backends.mha.get_fastpath_enabled()


@pytest.mark.parametrize("trick", [Activation("swish"), LayerScale(0.3)], ids=repr)
@pytest.mark.parametrize("copied", [lambda m: m, copy.deepcopy, pickled])
def test_edited_encoder_layer_acts_the_same_in_both_modes(
    model: Encoded, trick: Trick, copied: Callable[[nn.Module], nn.Module]
) -> None:
    """Evaluation computes what training does, and not what the network did before the edit."""
    before = evaluated(model)
    edited = copied(Hooks({"it": trick}, 0).edit_model(model, X))
    after = evaluated(edited)
    assert torch.allclose(after, trained(edited), atol=1e-5)
    assert not torch.allclose(after, before, atol=1e-3)
    with without_fast_path():
        assert torch.allclose(evaluated(edited), after, atol=1e-6)


def test_drop_path_reaches_the_branches_of_encoder_layers(model: Encoded) -> None:
    """All four, each called in evaluation too."""
    hooks = Hooks({"it": DropPath(0.2)}, 0)
    hooks.edit_model(model, X)
    assert hooks.edits == {"it": "4 places"}


def test_edit_that_the_fast_path_would_hide_is_refused(model: Encoded) -> None:
    """What acts through a method of a layer's own is not seen by torch's fused operation."""

    class Planted(Trick):
        def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
            del example
            layer = model.get_submodule("encoder.layers.0")
            layer.__dict__["_ff_block"] = lambda x: 2 * x
            model.add_module("patch", nn.Sequential(model.get_submodule("patch")))
            return model

    with pytest.raises(NotApplicable, match="would act in training alone"):
        Hooks({"it": Planted()}, 0).edit_model(model, X)
