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
from omegaconf import DictConfig, open_dict

from darkmagic.sweeps.compose.caching_loader import ReadingOnceLoader, RememberingLoader
from darkmagic.sweeps.compose.config_files import REMARKS
from darkmagic.sweeps.compose.groups import OFF
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.plan import Planner
from darkmagic.sweeps.compose.session import compose, hydra_session


def _hydras_own(loader: ConfigLoader) -> ConfigLoaderImpl:
    return ConfigLoaderImpl(loader.get_search_path())


def _without_remarks(config: DictConfig) -> DictConfig:
    """Return a configuration of Hydra's own loader without what ours leaves out of options."""
    with open_dict(config):
        for trick in config.tricks.values():
            for remark in REMARKS:
                trick.pop(remark, None)
    return config


@pytest.mark.parametrize(
    "checklist",
    [
        "modern",
        "transfer",
        *(pytest.param(n, marks=pytest.mark.weekly) for n in ("article_extended", "classic")),
    ],
)
def test_trials_are_composed_as_hydra_composes_them(checklist: str) -> None:
    """Every trial equals what Hydra composes, also after an earlier one has been changed."""
    with hydra_session() as hydra:
        overrides = [f"checklist={checklist}", "dataset=tiny", "hydra.sweep.dir=here"]
        checked = check_overrides(hydra.config_loader, overrides)
        loader, config = hydra.config_loader, checked.config
        plan = Planner(loader, config, checked.plain, checked.tricks).plan()
        ours, theirs = hydra.config_loader, _hydras_own(hydra.config_loader)
        assert isinstance(ours, ReadingOnceLoader)
        for overrides in plan.overrides[::4]:
            composed = compose(ours, overrides)
            assert composed == _without_remarks(compose(theirs, overrides))
            for trick in composed.tricks.values():
                trick._target_ = "changed"
            composed.hydra.overrides.task.clear()
            assert compose(ours, overrides) == _without_remarks(compose(theirs, overrides))


def test_file_is_read_once_in_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """All loaders of a session together read each file once."""
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


def test_job_with_another_search_path_reads_its_own_files(tmp_path: Path) -> None:
    """A job with its own search path reads a file of the same name there, and later ones do not."""
    file = tmp_path / "trick" / "mixup" / "half.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("# @package tricks.mixup\n_target_: a.B\n")
    overrides = [f"hydra.searchpath=[file://{tmp_path}]", "trick/mixup=half"]
    with hydra_session() as hydra:
        ours, theirs = hydra.config_loader, _hydras_own(hydra.config_loader)
        plain = compose(ours, [])
        assert compose(ours, overrides) == _without_remarks(compose(theirs, overrides))
        assert compose(ours, overrides).tricks.mixup._target_ == "a.B"
        assert compose(ours, []) == plain
        with pytest.raises(Exception, match="half"):
            compose(ours, overrides[1:])


def test_pickled_loader_leaves_its_caches_out() -> None:
    """What was composed and read is not sent to a job's process."""
    with hydra_session() as hydra:
        loader = RememberingLoader(hydra.config_loader)
        loader.load_sweep_config(compose(loader, []), ["epochs=3"])
        sent = copy.copy(loader)  # by its state, as pickling does
    assert not sent._composed
    assert not sent.files
    assert not sent.parsed


def test_remembered_job_is_taken_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A remembered job is given to one taker, who may change it, and composed anew for the next."""
    with hydra_session() as hydra:
        loader = RememberingLoader(hydra.config_loader)
        master = compose(loader, [])
        overrides = ["epochs=3", "trick/mixup=on"]
        seen = loader.load_sweep_config(master, overrides)
        assert seen == hydra.config_loader.load_sweep_config(master, overrides)
        monkeypatch.setattr(ReadingOnceLoader, "load_sweep_config", None)  # composes no more
        taken = loader.take(master, overrides)
        assert taken == seen
        taken.epochs = 4
        monkeypatch.undo()
        assert loader.take(master, overrides).epochs == 3


def _answer(config: DictConfig) -> int:
    return int(config.seed)


def test_basic_sweeper_and_local_launcher_compose_a_job_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The launcher takes the job that Hydra's own sweeper has composed to check it."""
    composed: list[list[str]] = []
    load = ConfigLoaderImpl.load_sweep_config

    def counted(self: ConfigLoaderImpl, master: DictConfig, overrides: list[str]) -> DictConfig:
        composed.append(overrides)
        return load(self, master, overrides)

    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", counted)
    overrides = [
        "hydra/sweeper=basic",
        "hydra.launcher.devices=cpu",
        f"hydra.sweep.dir='{tmp_path}'",
    ]
    with hydra_session() as hydra:
        sweeper = Plugins.instance().instantiate_sweeper(
            config=compose(hydra.config_loader, overrides),
            hydra_context=HydraContext(hydra.config_loader, Callbacks()),
            task_function=_answer,
        )
        (jobs,) = sweeper.sweep(["seed=5,6"])
    assert [job.return_value for job in jobs] == [5, 6]
    assert composed == [["seed=5"], ["seed=6"]]
