"""Hydra's composition, doing nothing twice, is Hydra's composition."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hydra._internal.callbacks import Callbacks
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_loader import ConfigLoader
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult
from hydra.types import HydraContext
from omegaconf import DictConfig

from darkmagic.sweeps.compose.caching_loader import ReadingOnceLoader, RememberingLoader
from darkmagic.sweeps.compose.groups import OFF
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.plan import Planner
from darkmagic.sweeps.compose.session import compose, hydra_session


def _hydras_own(loader: ConfigLoader) -> ConfigLoaderImpl:
    return ConfigLoaderImpl(loader.get_search_path())


@pytest.mark.parametrize("checklist", ["article_extended", "classic", "modern", "transfer"])
def test_a_checklists_trials_are_what_hydra_composes(checklist: str) -> None:
    """Each of them, and again once one that was composed before has been changed."""
    with hydra_session() as hydra:
        words = [f"checklist={checklist}", "dataset=tiny", "hydra.sweep.dir=here"]
        checked = check_overrides(hydra.config_loader, words)
        loader, config = hydra.config_loader, checked.config
        plan = Planner(loader, config, checked.plain, checked.tricks).plan()
        ours, theirs = hydra.config_loader, _hydras_own(hydra.config_loader)
        assert isinstance(ours, ReadingOnceLoader)
        for overrides in plan.overrides[::4]:
            composed = compose(ours, overrides)
            assert composed == compose(theirs, overrides)
            for trick in composed.tricks.values():
                trick._target_ = "changed"
            composed.hydra.overrides.task.clear()
            assert compose(ours, overrides) == compose(theirs, overrides)


def test_a_file_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """By all the loaders of a session, whatever they compose."""
    read: list[str] = []
    load = ConfigRepository.load_config

    def counted(self: ConfigRepository, config_path: str) -> ConfigResult | None:
        read.append(config_path)
        return load(self, config_path)

    monkeypatch.setattr(ConfigRepository, "load_config", counted)
    with hydra_session() as hydra:
        first = compose(hydra.config_loader, ["trick/mixup=on"])
        loader = RememberingLoader(hydra.config_loader)
        loader.load_sweep_config(first, ["trick/mixup=on"])
        assert len(read) == len(set(read))
        loader.load_sweep_config(first, [f"trick/mixup={OFF}"])
    assert sorted(name for name in read if "mixup" in name) == ["trick/mixup/off", "trick/mixup/on"]


def test_a_job_with_another_search_path_reads_its_own_files(tmp_path: Path) -> None:
    """Where a file of that name was read before; and those after it do not see its."""
    file = tmp_path / "trick" / "mixup" / "half.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package tricks.mixup\n_target_: a.B\n")
    words = [f"hydra.searchpath=[file://{tmp_path}]", "trick/mixup=half"]
    with hydra_session() as hydra:
        ours, theirs = hydra.config_loader, _hydras_own(hydra.config_loader)
        plain = compose(ours, [])
        assert compose(ours, words) == compose(theirs, words)
        assert compose(ours, words).tricks.mixup._target_ == "a.B"
        assert compose(ours, []) == plain
        with pytest.raises(Exception, match="half"):
            compose(ours, words[1:])


def test_a_job_process_gets_none_of_it() -> None:
    """What was composed and read is left out of what it is sent."""
    with hydra_session() as hydra:
        loader = RememberingLoader(hydra.config_loader)
        loader.load_sweep_config(compose(loader, []), ["epochs=3"])
        sent = copy.copy(loader)  # by its state, as pickling does
    assert not sent._composed
    assert not sent.files
    assert not sent.parsed


def test_a_remembered_job_is_taken_once() -> None:
    """By one launcher alone, which may change it; and it is what Hydra composes."""
    with hydra_session() as hydra:
        loader = RememberingLoader(hydra.config_loader)
        master = compose(loader, [])
        words = ["epochs=3", "trick/mixup=on"]
        seen = loader.load_sweep_config(master, words)
        assert seen == hydra.config_loader.load_sweep_config(master, words)
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
