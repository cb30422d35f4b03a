"""The command that trains a recipe alone makes what the study's trial was, whatever was typed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from darkmagic.sweeps import api
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import identity, resolve

BASE = ["dataset=tiny", "epochs=1", "runtime.device=cpu", "hydra.launcher.devices=cpu"]
MINE = (
    "checklist.tricks=[{name: optimizer, section: s, options: [adam, sgd_nesterov]},"
    "{name: weight_decay, section: s, options: [higher, generic]},"
    "{name: mixup, section: s, options: ['on', 'off']}]"
)
"""A checklist whose baseline is not that of `darkmagic train`."""
OTHER = "checklist.tricks=[{name: mixup, section: s, options: ['off', 'on']}]"


def _configuration(overrides: Sequence[str]) -> dict[str, object]:
    with hydra_session() as hydra:
        checked = check_overrides(hydra.config_loader, overrides)
        words = [*checked.plain, *checked.tricks]
        return resolve(compose(hydra.config_loader, words))


@pytest.mark.parametrize(
    ("words", "choices", "expected"),
    [
        ([MINE], {}, {"optimizer": "Adam", "mixup": "Mixup"}),
        ([MINE, "seed=3"], {"optimizer": "sgd_nesterov"}, {"optimizer": "Sgd", "mixup": "Mixup"}),
        (
            [OTHER, "tricks.mixup.alpha=0.7", "trick/optimizer=adam", "lr=0.3"],
            {"mixup": "on"},
            {"optimizer": "Adam", "mixup": "Mixup"},
        ),
    ],
)
def test_command_trains_what_the_trial_was(
    tmp_path: Path, words: list[str], choices: Mapping[str, str], expected: Mapping[str, str]
) -> None:
    """Every option of the checklist is in it, its baseline's too, and fields given for options."""
    asked = [*BASE, *words, f"runtime.out='{tmp_path}'", "runs=4"]
    study = api.plan_study(asked)
    space = study.request.space
    recipe = space.recipe({**space.baseline, **choices})
    assert recipe is not None
    command = shlex.split(api.train_line(study.planned, recipe if choices else None))
    assert command[:2] == ["darkmagic", "train"]
    trained = _configuration(command[2:])
    tricks = trained["tricks"]
    for trick, name in expected.items():
        assert tricks[trick]["_target_"].endswith(f".{name}")
    if "tricks.mixup.alpha=0.7" in words:
        assert tricks["mixup"]["alpha"] == 0.7
    assert trained["seed"] == (3 if "seed=3" in words else 0)
    assert "checklist" not in " ".join(command)

    named = {**study.planned.plan.trials[0].choices, **choices}
    own = tuple(f"trick/{trick}=" for trick in named)
    by_hand = [word for word in asked if not word.startswith(("checklist", "runs=", *own))]
    by_hand += [f"trick/{trick}='{option}'" for trick, option in named.items()]
    assert identity(_configuration(by_hand)) == identity(trained)
