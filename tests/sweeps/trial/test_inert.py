"""What is known of trials before they train: which are inert, and how long they take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.estimate import _seconds
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.sweeps.trial.inert import INERT, find_inert, survey_options
from darkmagic.trainers.runtime.cache import OFFLINE


def _trials(*options: str, common: Sequence[str] = ()) -> list[dict[str, Any]]:
    words = ["dataset=tiny", "runtime.device=cpu", "epochs=6", *common]
    with hydra_session() as hydra:
        loader = hydra.config_loader
        return [resolve(compose(loader, [*words, *option.split()])) for option in options]


def test_trick_that_changes_the_recipe_is_not_inert() -> None:
    """A trick that changes any number of the recipe is not inert, and its plain option is."""
    trials = _trials(
        "",
        "+trick/batch_size=x1",
        "+trick/batch_size=x4_unscaled",
        "+trick/early_stopping=on",
        "+trick/shuffle=once",
        "+trick/input_geometry='test_crop_0.875'",
        "+trick/ema=on",
    )
    assert find_inert(trials) == [None, INERT, None, None, None, None, None]


SOURCE = "dataset.upstream.source"
ABSENT = [
    *(f"~{SOURCE}.{field}" for field in ("count", "size", "channels", "seed")),
    f"{SOURCE}._target_=darkmagic.trainers.data.torchvision_sets.TorchvisionSet",
    f"+{SOURCE}.name=CIFAR100",
    f"+{SOURCE}.root=images",
]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], None),
        (["dataset.upstream=null"], "names no upstream set"),
        (ABSENT, "cannot download CIFAR100"),
        (["model.pretrained=nowhere.pt"], "no file of weights at nowhere.pt"),
        (["model.pretrained=null"], "names no pretrained weights"),
        (["model.pretrained='torchvision:squeezenet1_1'"], "cannot be downloaded here"),
    ],
    ids=["there", "none", "absent", "no file", "null", "torchvision"],
)
def test_screen_is_not_made_of_options_that_every_trial_would_skip(
    words: list[str], said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Weights that can never be had are known before the design, those yet to be trained are not
    missing, and a trick beside them stays.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(OFFLINE, "1")
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    trials = _trials("", "trick/pretrain=pretrained", "+trick/ema=on", common=words)
    findings, apart = survey_options(trials, ["", "pretrain", "ema"])
    assert findings[0] is findings[2] is None
    assert apart == []
    if said is None:
        assert findings[1] is None
    else:
        assert findings[1] is not None
        assert findings[1][0] == "skipped"
        assert said in findings[1][1]


def test_what_the_baseline_lacks_too_tells_nothing_of_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the images themselves are missing no option is left out: training says so."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(OFFLINE, "1")
    words = ["dataset=cifar10", "dataset.source.root=images"]
    trials = _trials("", "+trick/ema=on", "trick/optimizer=adam", common=words)
    assert survey_options(trials, ["", "ema", "optimizer"])[0] == [None, None, None]


def test_estimated_time_is_that_of_the_edited_recipe() -> None:
    """Steps are counted for the edited batch size; step time is measured where it can differ."""
    base, longer, quarter, sam, cutout = _trials(
        "", "epochs=12", "+trick/batch_size='x0.25'", "trick/optimizer=sam", "+trick/cutout='16'"
    )
    measured: dict[str, float] = {}
    seconds = _seconds(base, measured)
    assert _seconds(longer, measured) == pytest.approx(2 * seconds)
    assert _seconds(cutout, measured) == seconds
    assert len(measured) == 1
    _seconds(sam, measured)
    _seconds(quarter, measured)
    assert len(measured) == 3
    alike = dict.fromkeys(measured, 1.0)
    assert (_seconds(base, alike), _seconds(quarter, alike)) == (2 * 6, 10 * 6)  # of 40 images
