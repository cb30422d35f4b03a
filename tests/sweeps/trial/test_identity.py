"""What makes two trials the same."""

from __future__ import annotations

import pytest

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import identity, resolve
from darkmagic.sweeps.trial.paths import trial_folder_name


def _identity(*words: str) -> str:
    with hydra_session() as hydra:
        return identity(resolve(compose(hydra.config_loader, words)))


@pytest.mark.parametrize(
    "word",
    ["runtime.device=cpu", "runtime.out=elsewhere", "runtime.workers=9", "runtime.cuda_graphs=auto",
     "seeds=3",
     "baseline=vanilla", "hydra.launcher.devices=cpu",
     "hydra.launcher.trials_per_device=auto", "runtime.experiment=x"],
)  # fmt: skip
def test_identity_ignores_where_and_beside_what_a_trial_runs(word: str) -> None:
    """Devices, folders and the number of seeds cannot change a result, nor its identity."""
    assert _identity(word) == _identity()


@pytest.mark.parametrize(
    "word",
    ["seed=1", "epochs=3", "lr=0.2", "trick/mixup=on", "split_seed=1", "model.build.width=8",
     "tricks.lr_regime.cycles=3", "amp=off", "compile=true", "dataset.source.val_fraction=0.3"],
)  # fmt: skip
def test_identity_depends_on_what_can_change_the_result(word: str) -> None:
    """A number, option or field that can change the result gives another identity."""
    assert _identity(word) != _identity()


def test_identity_ignores_the_order_of_keys() -> None:
    """The same values in another order have the same identity."""
    assert identity({"a": 1, "b": {"c": 2, "d": 3}}) == identity({"b": {"d": 3, "c": 2}, "a": 1})


@pytest.mark.parametrize(
    ("words", "digits"),
    [
        ([], "310d1387cb2f90aa"),
        (["+trick/ema=on", "+trick/gradient_clipping=on", "seed=3"], "d69b716c78239d7c"),
        (["dataset=cifar10", "model=resnet18"], "97902da12dfc5260"),
    ],
)
def test_trial_of_an_experiment_begun_before_keeps_its_identity(
    words: list[str], digits: str
) -> None:
    """Digits are those of when clipping and averaging were keys of the root."""
    assert _identity(*words) == digits


def test_former_keys_count_as_null_where_they_are_absent() -> None:
    """An old configuration, which has them, is the same trial unless one of them did something."""
    plain = {"seed": 0, "tricks": {}}
    old = {**plain, "clip_grad_norm": None, "ema_decay": None}
    assert identity(plain) == identity(old)
    assert identity({**old, "ema_decay": 0.9}) != identity(plain)


def test_folder_name_has_trial_seed_and_identity() -> None:
    """A trial's folder is named by the trial, its seed and the start of its identity."""
    assert trial_folder_name("mixup=on", 2, "0123456789abcdef") == "mixup=on-s2-01234567"
