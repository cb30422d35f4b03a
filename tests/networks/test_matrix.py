"""The cards' promises on forty networks, and the committed matrix held to what networks say."""

from __future__ import annotations

import functools

import pytest
import torch

from darkmagic.trainers.models.activations import gating_ops
from darkmagic.trainers.models.graph import trace_model
from darkmagic.trainers.tricks.activation import Activation
from matrix import architecture_options, cells_of, line, read_cells
from zoo import BY_HAND, SIZE, ZOO, build, quarter

OPTIONS = architecture_options()
ONE_A_TRICK = {
    *{option.partition("=")[0]: option for option in OPTIONS if option[-2:] != "=0"}.values(),
    *("normalization=none", "activation=swish"),
}
KEEP_NAMES = (
    *("attention_pooling", "attention_dropout", "auxiliary_loss", "blurpool", "drop_path"),
    *("dropout", "layer_scale", "squeeze_excite", "stem_activation", "activation_order"),
)
"""Tricks whose edits leave every tensor that the network had with its name and value."""
SHARED = ("shared_block",)
"""Networks one of whose modules is called at several places, and then becomes several."""
IMAGES_STATISTICS = ("own_norms",)
"""Networks with norms that statistics of one image make: folding is not about those."""
IN_CI = quarter(0)
REST = [pytest.param(name, marks=pytest.mark.weekly) for name in ZOO if name not in IN_CI]
WITHOUT_PLACES = ("closure", "second_list", "functional")
"""Networks that hide their layers from whoever edits them: refused, not missed."""
TOKENS = ("encoder_layer", "mixer_by_hand", "vit_by_hand", "timm mixer", "timm swin", "timm vit")

Row = tuple[str, ...]


@functools.cache
def committed(name: str) -> dict[str, Row]:
    """Return the committed lines of a network by option."""
    return {option: row for (network, option), row in read_cells().items() if network == name}


@functools.cache
def computed(name: str) -> dict[str, Row]:
    """Return the lines anew: of an option a trick in CI's quarter, of all options in the others."""
    torch.set_num_threads(1)
    options = {o: t for o, t in OPTIONS.items() if name not in IN_CI or o in ONE_A_TRICK}
    return {option: line(name, option, cell) for option, cell in cells_of(name, options).items()}


def hold_to_promises(name: str, rows: dict[str, Row]) -> None:
    """Assert what the cards promise of each line of a network."""
    for option, (_, _, applies, places, share, same, reason) in rows.items():
        trick = option.partition("=")[0]
        if applies == "no":  # for one reason, on a line, that is no error of Python's
            assert reason, (name, option)
            assert "\n" not in reason, (name, option)
            assert "AttributeError" not in reason, (name, option, reason)
        elif applies == "as it is":
            assert (places, share, same) == ("", "100 %", "yes"), (name, option)
        else:  # and so no crash; no silent no-op: it says how many places it edits
            assert applies == "yes", (name, option, applies)
            assert places, (name, option)
            if OPTIONS[option].keeps_output:
                assert same == "yes", (name, option)
            if option == "normalization=none" and name not in IMAGES_STATISTICS:
                assert same == "yes", name
            if trick in KEEP_NAMES and name not in SHARED:
                assert share == "100 %", (name, option, share)


@pytest.mark.parametrize("name", ZOO)
def test_committed_cells_hold_to_the_promises_of_the_cards(name: str) -> None:
    """Places, names, output at the start; refusals in one line; every option of every trick."""
    rows = committed(name)
    assert list(rows) == list(OPTIONS)
    hold_to_promises(name, rows)


def test_matrix_has_forty_networks() -> None:
    """And no line of another one."""
    assert len(ZOO) == 40
    assert {network for network, _ in read_cells()} == ZOO.keys()


@pytest.mark.xdist_group("matrix")
@pytest.mark.parametrize("name", [*IN_CI, *REST])
def test_networks_are_as_the_matrix_says(name: str) -> None:
    """Line by line, where no release of a library can change the network; promises everywhere."""
    rows = computed(name)
    hold_to_promises(name, rows)
    if name in BY_HAND:  # but the words of reasons, some of which are torch's
        assert {o: row[:6] for o, row in rows.items()} == {o: committed(name)[o][:6] for o in rows}


@pytest.mark.parametrize("name", [n for n in ZOO if n not in (*TOKENS, *WITHOUT_PLACES)])
def test_any_convolutional_network_takes_what_the_default_checklist_edits(name: str) -> None:
    """Gates, and activations of the stem: done, there already, or without a place for a reason."""
    rows = committed(name)
    gates = rows["squeeze_excite=on"]
    assert gates[2] == "yes" or "already" in gates[6] or name == "gated", gates
    stem = rows["stem_activation=leaky_relu"]
    assert stem[2] == "yes" or "finds no activation" in stem[6] or name == "training_path", stem
    assert rows["weight_init=he"][2] == "yes"


GATED = ["gated", "timm efficientnet", "timm regnety", "torchvision mobilenet_v3"]
"""All networks of the zoo with gates; the sigmoid of `own_activation` is its activation's own."""


@pytest.mark.parametrize("name", GATED)
def test_gates_stay_under_another_activation(name: str) -> None:
    """As many operations make gates after the edit as before, of the same kinds."""
    torch.manual_seed(0)
    model = build(name, num_classes=5, in_channels=3, image_size=(SIZE, SIZE))
    x = torch.randn(2, 3, SIZE, SIZE)
    before = sorted(op.name for op in gating_ops(trace_model(model, x)) if "sigmoid" in op.name)
    assert before
    model = Activation("tanh").edit_model(model, x)
    after = sorted(op.name for op in gating_ops(trace_model(model, x)) if "sigmoid" in op.name)
    assert after == before
