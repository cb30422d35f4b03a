"""Hydra's composition, used in this one place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hydra import initialize_config_module
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.hydra import Hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.object_type import ObjectType
from hydra.types import RunMode
from hydra.version import VersionBase
from omegaconf import DictConfig, OmegaConf

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.identity import identity, resolve

__all__ = [
    "CONFIG_NAME",
    "RememberingLoader",
    "compose",
    "group_options",
    "hydra_session",
    "subgroups",
]

CONFIG_NAME = "config"


@contextlib.contextmanager
def hydra_session(config_dirs: Sequence[Path] = ()) -> Iterator[Hydra]:
    """Give a Hydra over our configuration and the user's `config_dirs`, which go first.

    Raises `UserError` for a folder that is not there.
    """
    for folder in config_dirs:
        if not folder.is_dir():
            raise UserError(f"no folder {folder} (--config-dir)")
    OmegaConf.register_new_resolver(
        "trial_identity", lambda *, _root_: identity(resolve(_root_)), replace=True
    )
    GlobalHydra.instance().clear()
    base = VersionBase.instance()
    before = base.version_base
    try:
        with initialize_config_module("darkmagic.sweeps.conf", version_base="1.3"):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            search_path = hydra.config_loader.get_search_path()
            for folder in reversed(config_dirs):
                search_path.prepend("user", f"file://{folder.absolute()}")
            assert isinstance(hydra.config_loader, ConfigLoaderImpl)
            hydra.config_loader.repository.initialize_sources(search_path)
            yield hydra
    finally:
        base.version_base = before  # Hydra leaves it to whatever else runs in this process


def group_options(loader: ConfigLoader, group: str) -> list[str]:
    """Return the options of `group`, in order; none where there is no such group.

    As `loader.get_group_options`, which copies all its sources for every question.
    """
    assert isinstance(loader, ConfigLoaderImpl)
    return loader.repository.get_group_options(group, ObjectType.CONFIG)


def subgroups(loader: ConfigLoader, group: str) -> list[str]:
    """Return the groups within `group`, in order; "" is the root."""
    assert isinstance(loader, ConfigLoaderImpl)
    return loader.repository.get_group_options(group, ObjectType.GROUP)


def compose(loader: ConfigLoader, overrides: Sequence[str]) -> DictConfig:
    """Compose the configuration, its `hydra` node included."""
    return loader.load_configuration(CONFIG_NAME, list(overrides), run_mode=RunMode.MULTIRUN)


class RememberingLoader(ConfigLoaderImpl):
    """Composes a job once: a launcher takes what the sweeper has composed.

    Hydra's sweepers compose every job to see whether it can be, keep nothing of it, and their
    launchers compose it again (`Sweeper.validate_batch_is_legal` says so), a few hundredths of a
    second each time.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader.get_search_path())
        self._composed: dict[tuple[str, ...], DictConfig] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_composed": {}}  # a job's process needs its own alone

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        """Compose a job, and remember it."""
        config = super().load_sweep_config(master_config, sweep_overrides)
        self.remember(sweep_overrides, config)
        return config

    def remember(self, overrides: Sequence[str], config: DictConfig) -> None:
        """Keep the configuration of the job with `overrides` for its launcher."""
        self._composed[tuple(overrides)] = config

    def take(self, master: DictConfig, overrides: Sequence[str]) -> DictConfig:
        """Return the job with `overrides`, to be changed: the next taker gets another."""
        known = self._composed.pop(tuple(overrides), None)
        return super().load_sweep_config(master, list(overrides)) if known is None else known
