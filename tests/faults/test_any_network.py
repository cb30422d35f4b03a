"""A checklist starts on any network: what does not apply is said, and all else is trained."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra.utils import instantiate
from torch import nn

import own_networks
from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.notes.table import table_notes
from darkmagic.checklist.report.writers.network import NetworkRow, write_network
from darkmagic.sweeps import api
from darkmagic.sweeps.trial.identity import fields_of
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.models.library import timm_classifier
from darkmagic.trainers.outputs.result import Result
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from every_option import CONF
from sweeping import Recorder

ARCHITECTURE = [
    *("squeeze_excite", "stem_activation", "normalization", "activation", "activation_order"),
    *("pooling", "convolution", "dropout", "weight_init", "zero_init_residual", "drop_path"),
]
TIMM = {
    "vit": ("vit_tiny_patch16_224", {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2}),
    "swin": (
        "swin_tiny_patch4_window7_224",
        {"img_size": 32, "window_size": 4, "embed_dim": 24, "depths": (1, 1), "num_heads": (2, 2)},
    ),
    "convnext": ("convnext_atto", {"depths": (1, 1, 1, 1), "dims": (8, 8, 8, 8)}),
}


def networks() -> dict[str, Callable[..., nn.Module]]:
    own = {kind: getattr(own_networks, kind) for kind in ("Tutorial", "Vit", "OwnActivation")}
    timm = {k: partial(timm_classifier, n, **kwargs) for k, (n, kwargs) in TIMM.items()}
    return {**own, **timm}


def baseline(checklist: str) -> dict[str, Trick]:
    """Return the checklist's first options that edit an architecture."""
    rows = yaml.safe_load((CONF / "checklist" / f"{checklist}.yaml").read_text())["tricks"]
    tricks = {}
    for row in rows:
        path = CONF / "trick" / row["name"] / f"{row['options'][0]}.yaml"
        if row["name"] in ARCHITECTURE and path.exists():
            tricks[row["name"]] = instantiate(fields_of(yaml.safe_load(path.read_text())))
    return tricks


IN_CI = [("Tutorial", "article"), ("Vit", "article"), ("Vit", "classic")]
REST = [(name, checklist) for name in networks() for checklist in ("article", "classic")]


@pytest.mark.parametrize(
    ("name", "checklist"),
    [
        *IN_CI,
        *(pytest.param(*pair, marks=pytest.mark.weekly) for pair in REST if pair not in IN_CI),
    ],
)
def test_baseline_trains_on_any_network(name: str, checklist: str, tmp_path: Path) -> None:
    """Its options that do not apply leave the network as it is, with the reason in the result."""
    if name in TIMM:
        pytest.importorskip("timm")
    torch.manual_seed(0)
    tricks = baseline(checklist)
    recipe = Recipe(
        Shapes(count=24, size=16 if name in ("Tutorial", "Vit") else 32),
        networks()[name],
        tricks,
        epochs=1,
        batch_size=8,
        max_steps=1,
        device="cpu",
        optional_tricks=",".join(tricks),
    )
    result: Result = train(recipe, tmp_path)
    assert result.status == "finished"
    edits = json.loads(result.edits or "{}")
    assert set(edits) <= set(tricks)
    if name == "Vit" and checklist == "article":
        assert edits["squeeze_excite"].startswith("does not apply: squeeze_excite gates feature")
    if name == "Tutorial" and checklist == "article":
        assert edits == {"squeeze_excite": "2 places", "stem_activation": "1 place"}


LISTED = (
    "checklist.tricks=[{name: squeeze_excite, section: s, options: ['on', 'off']},"
    "{name: stem_activation, section: s, options: [relu, swish]},"
    "{name: mixup, section: s, options: ['off', 'on']}]"
)


@pytest.fixture
def swept(tmp_path: Path) -> Any:
    """Sweep a checklist of three tricks on a transformer, two of which do not apply to it."""
    overrides = [
        *("dataset=tiny", "hydra.launcher.devices=cpu", "runtime.device=cpu", LISTED),
        *("model=own", "model.build._target_=own_networks.Vit", "max_steps=1", "floor=0"),
        f"runtime.out='{tmp_path}'",
    ]
    outcome = api.sweep(api.plan(overrides, will_train=True), Recorder())
    return outcome, table_notes(compare(outcome.plan.checklist, outcome.records))


@pytest.mark.weekly
def test_sweep_trains_what_applies_and_says_what_does_not(swept: Any) -> None:
    """The baseline and mixup train; the report names the options that the baseline is without."""
    outcome, notes = swept
    statuses = {record.name: record.status for record in outcome.records}
    assert statuses == {
        "baseline": Status.FINISHED,
        "squeeze_excite=off": Status.INERT,
        "stem_activation=swish": Status.NOT_APPLICABLE,
        "mixup=on": Status.FINISHED,
    }
    (note,) = [note for note in notes if note.startswith("Where an option")]
    assert "squeeze_excite (squeeze_excite gates feature maps" in note
    assert "stem_activation (stem_activation finds no activation" in note


def test_tricks_on_a_network_say_places_weights_and_output() -> None:
    """Each option of the checklist, alone; with an untrained network's own function kept or not."""
    listed = LISTED[:-1] + ",{name: pretrain, section: s, options: [none, pretrained]}]"
    overrides = ["model=resnet8", "checklist=article", listed, "dataset=tiny"]
    name, rows = api.tricks_on(overrides)
    found = {row.option: row for row in rows}
    assert name == "resnet8"
    assert found["squeeze_excite=on"] == NetworkRow(
        "squeeze_excite=on", "yes", "3 places", "", 1.0, same_output=False
    )
    assert found["stem_activation=relu"].reason == "the network is so already"
    assert found["mixup=on"].applies == "none"
    assert found["pretrain=pretrained"].applies == "untried"
    assert "trains these weights first" in found["pretrain=pretrained"].reason
    assert "3 places" in write_network(name, rows, "md")
    assert "<td>3 places</td>" in write_network(name, rows, "html")
