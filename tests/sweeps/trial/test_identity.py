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
def test_where_and_beside_what_do_not_matter(word: str) -> None:
    """They cannot change the result."""
    assert _identity(word) == _identity()


@pytest.mark.parametrize(
    "word",
    ["seed=1", "epochs=3", "lr=0.2", "trick/mixup=on", "split_seed=1", "model.build.width=8",
     "tricks.lr_regime.cycles=3", "amp=off", "compile=true", "dataset.source.val_fraction=0.3"],
)  # fmt: skip
def test_what_changes_the_result_matters(word: str) -> None:
    """Each gives another identity."""
    assert _identity(word) != _identity()


def test_the_order_of_keys_does_not_matter() -> None:
    """Only what they say."""
    assert identity({"a": 1, "b": {"c": 2, "d": 3}}) == identity({"b": {"d": 3, "c": 2}, "a": 1})


def test_folders_have_names_to_read() -> None:
    """Trial, seed and the beginning of the identity."""
    assert trial_folder_name("mixup=on", 2, "0123456789abcdef") == "mixup=on-s2-01234567"
