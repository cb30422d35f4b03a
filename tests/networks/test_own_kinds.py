"""Places that are written in other ways are found, or counted as found and not edited."""

from __future__ import annotations

import pytest

from matrix import architecture_options, cells_of

OPTIONS = architecture_options()


@pytest.mark.parametrize(
    ("name", "option", "places"),
    [
        *((kind, "drop_path=0.1", "3 places") for kind in ("stacked_sum", "lerp_sum")),
        *((kind, "drop_path=0.1", "3 places") for kind in ("scaled_sum", "two_conv_shortcut")),
        ("stacked_sum", "zero_init_residual=on", "3 places"),
        ("two_conv_shortcut", "squeeze_excite=on", "3 places"),
        ("timm res2net", "drop_path=0.1", "4 places"),
        ("timm repvgg", "drop_path=0.1", "2 of 5 places"),
        ("timm repvgg", "normalization=group", "12 places"),
        ("own_norms", "normalization=none", "1 of 4 places"),
        ("own_norms", "normalization=batch", "0 of 3 places"),
        ("encoder_layer", "weight_init=he", "8 of 10 places"),
        ("encoder_layer", "attention_dropout=0.1", "2 places"),
        ("reads_attributes", "activation=gelu", "2 places"),
        ("reads_attributes", "normalization=group", "1 place"),
        ("reads_attributes", "normalization=none", "1 place"),
        ("reads_attributes", "pooling=strided_convolution", "1 place"),
    ],
)
def test_places_of_unusual_networks(name: str, option: str, places: str) -> None:
    """Each says how many of them it edits, of those it finds."""
    (cell,) = cells_of(name, {option: OPTIONS[option]}).values()
    assert cell.places == places, cell
