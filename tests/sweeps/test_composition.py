"""What the configuration offers, by the shorter way that we ask Hydra."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.plugins import Plugins
from hydra.types import HydraContext
from omegaconf import DictConfig

from darkmagic.sweeps.composition import (
    RememberingLoader,
    compose,
    group_options,
    hydra_session,
    subgroups,
)
from darkmagic.sweeps.inventory import all_groups


def test_groups_and_options_are_hydras_own(tmp_path: Path) -> None:
    """Of every group, the user's among them."""
    (tmp_path / "trick" / "own").mkdir(parents=True)
    (tmp_path / "trick" / "own" / "on.yaml").write_text("# @package tricks.own\n_target_: a.B\n")
    with hydra_session([tmp_path]) as hydra:
        loader = hydra.config_loader
        groups = all_groups(loader)
        assert {"trick/mixup", "trick/own", "dataset", "checklist"} <= set(groups)
        for group in groups:
            assert group_options(loader, group) == loader.get_group_options(group)
            assert subgroups(loader, group) == loader.list_groups(group)
        assert subgroups(loader, "") == loader.list_groups("")
        assert group_options(loader, "no/such/group") == []


def test_a_remembered_job_is_taken_once() -> None:
    """By one launcher alone, which may change it; and it is what Hydra composes."""
    with hydra_session() as hydra:
        loader = RememberingLoader(hydra.config_loader)
        master = compose(loader, [])
        words = ["epochs=3", "trick/mixup=on"]
        seen = loader.load_sweep_config(master, words)
        assert seen == hydra.config_loader.load_sweep_config(master, words)
        assert not copy.copy(loader)._composed  # by its state, as a job's process gets it
        assert loader.take(master, words) is seen
        seen.epochs = 4
        assert loader.take(master, words).epochs == 3


def _answer(config: DictConfig) -> int:
    return int(config.seed)


def test_hydras_sweeper_and_our_launcher_compose_a_job_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweeper to see that it can be, and the launcher takes that."""
    composed: list[list[str]] = []
    load = ConfigLoaderImpl.load_sweep_config

    def counted(self: ConfigLoaderImpl, master: DictConfig, words: list[str]) -> DictConfig:
        composed.append(words)
        return load(self, master, words)

    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", counted)
    words = ["hydra/sweeper=basic", "hydra.launcher.devices=cpu", f"hydra.sweep.dir='{tmp_path}'"]
    with hydra_session() as hydra:
        sweeper = Plugins.instance().instantiate_sweeper(
            config=compose(hydra.config_loader, words),
            hydra_context=HydraContext(hydra.config_loader, Callbacks()),
            task_function=_answer,
        )
        (jobs,) = sweeper.sweep(["seed=5,6"])
    assert [job.return_value for job in jobs] == [5, 6]
    assert composed == [["seed=5"], ["seed=6"]]
