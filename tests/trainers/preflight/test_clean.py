"""Correct set-ups pass: no check stops any bundled model or data set."""

from __future__ import annotations

import dataclasses
import random
from pathlib import Path

import pytest
import torch
from PIL import Image

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.sweeps.trial.run import make_recipe
from darkmagic.trainers.preflight.finding import Level
from darkmagic.trainers.preflight.run import run_preflight
from darkmagic.trainers.recipe import Recipe

SMALL = ["batch_size=16", "runtime.device=cpu", "runtime.workers=0"]
MAX_SECONDS_PER_CHECK = 1.5  # which shortens the checks of slow networks
MODELS = {
    "digits, resnet8": ["dataset=digits"],
    "digits, resnet20": ["dataset=digits", "model=resnet20"],
    "digits, vanilla": ["baseline=vanilla", "dataset=digits", "trick/mixup=on"],
    "tiny, resnet8": ["dataset=tiny"],
    "tiny, resnet32": ["dataset=tiny", "model=resnet32", "trick/optimizer=adam"],
    "tiny, resnet18": ["dataset=tiny", "model=resnet18"],
    "folder, resnet8": ["dataset=folder"],
    "folder, mobilenet": [
        "dataset=folder",
        "model=torchvision",
        "model.build.name=mobilenet_v3_small",
    ],
    "folder, timm": ["dataset=folder", "model=timm", "model.build.name=resnet10t"],
    "folder, transformer": [
        "dataset=folder",
        "model=timm",
        "model.build.name=vit_tiny_patch16_224",
        "+model.build.img_size=16",
        "+model.build.patch_size=4",
        "+model.build.depth=3",
        "trick/squeeze_excite=off",
        "trick/optimizer=adam",
    ],
}
SLOW = {"tiny, resnet18", "tiny, resnet32", "folder, timm"}
"""Whose likes are among the others: weekly."""


def _photos(root: Path) -> Path:
    """Write 16 x 16 images of three classes into one folder a class, as users have them."""
    rng = random.Random(0)
    for kind, colour in {
        "apple": (200, 40, 40),
        "leaf": (40, 160, 60),
        "sky": (90, 140, 230),
    }.items():
        (root / kind).mkdir(parents=True)
        for number in range(40):
            image = Image.new("RGB", (16, 16), tuple(c + rng.randrange(-35, 25) for c in colour))
            for _ in range(60):
                place = (rng.randrange(16), rng.randrange(16))
                image.putpixel(place, tuple(rng.randrange(256) for _ in range(3)))
            image.save(root / kind / f"{number}.png")
    return root


def _recipe(words: list[str], root: Path) -> Recipe:
    if "dataset=folder" in words:
        words = [*words, f"dataset.source.root={_photos(root / 'photos')}"]
    if "model=timm" in words:
        pytest.importorskip("timm")
    with hydra_session() as hydra:
        recipe = make_recipe(resolve(compose(hydra.config_loader, [*SMALL, *words])))
    if "vit" in "".join(words):  # it has no stem whose activation could be replaced
        tricks = {name: t for name, t in recipe.tricks.items() if name != "stem_activation"}
        recipe = dataclasses.replace(recipe, tricks=tricks)
    return recipe


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=[pytest.mark.weekly] * (n in SLOW)) for n in MODELS]
)
def test_correct_set_up_is_not_stopped(name: str, tmp_path: Path) -> None:
    """No check stops a correct set-up, and no check fails with an error."""
    torch.set_num_threads(1)
    findings = list(run_preflight(_recipe(MODELS[name], tmp_path), seconds=MAX_SECONDS_PER_CHECK))
    assert len(findings) >= 16
    for finding in findings:
        assert finding.level is not Level.STOP, finding
        assert "the check ended in" not in finding.message, finding


def test_default_recipe_passes_every_check() -> None:
    """Every check of the default recipe ends at level OK."""
    with hydra_session() as hydra:
        recipe = make_recipe(resolve(compose(hydra.config_loader, ["runtime.device=cpu"])))
    assert [f for f in run_preflight(recipe, seconds=60) if f.level is not Level.OK] == []
