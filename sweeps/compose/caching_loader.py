"""Loaders that compose many similar jobs as Hydra does, and read and compose nothing twice."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import (
    CachingConfigRepository,
    ConfigRepository,
    IConfigRepository,
)
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig

from darkmagic.sweeps.compose.config_files import read_errors, refuse_expansions, without_remarks
from darkmagic.sweeps.packed import pack, unpack

__all__ = ["ReadingOnceLoader", "RememberingLoader"]

Files = dict[str, ConfigResult | None]


class _ListedOnce(ConfigRepository):
    """Repository that lists each group once: a plan asks for the options of some a hundred times.

    What is in a group is decided when a session begins, as the content of its files is.
    """

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Read from another search path from here on, and forget the lists."""
        self._lists: dict[tuple[str, ObjectType | None], list[str]] = {}
        super().initialize_sources(config_search_path)

    def get_group_options(
        self, group_name: str, results_filter: ObjectType | None = ObjectType.CONFIG
    ) -> list[str]:
        """Return what a group has, a list that the caller may change."""
        key = (group_name, results_filter)
        if key not in self._lists:
            self._lists[key] = super().get_group_options(group_name, results_filter)
        return list(self._lists[key])


class _ReadOnce(CachingConfigRepository):
    """Repository that gives every composition its own copy of files read for the first one."""

    def __init__(self, delegate: IConfigRepository, files: Files) -> None:
        super().__init__(delegate)
        self._files = files

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Read from another search path from here on (`hydra.searchpath`), and forget the files."""
        self._files = {}
        super().initialize_sources(config_search_path)

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Return the content of a file, a copy that the composition may change."""
        if config_path not in self.cache:
            if config_path not in self._files:
                refuse_expansions(self.get_sources(), config_path)
                with read_errors(config_path):
                    found = self.delegate.load_config(config_path)
                if found is not None and isinstance(found.config, DictConfig):
                    found.config = without_remarks(config_path, found.config)
                self._files[config_path] = found
            self.cache[config_path] = copy.deepcopy(self._files[config_path])
        return self.cache[config_path]


class ReadingOnceLoader(ConfigLoaderImpl):
    """Composes as Hydra does, and reads each file and each override once.

    Hydra reads and parses the YAML again for every job, which is two fifths of its time.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader.get_search_path())
        self.repository = _ListedOnce(self.config_search_path)
        same = loader if isinstance(loader, ReadingOnceLoader) else None
        self.files: Files = same.files if same else {}
        self.parsed: dict[str, Override] = same.parsed if same else {}
        self.bases: dict[tuple[str, ...], DictConfig] = same.bases if same else {}

    def __getstate__(self) -> dict[str, Any]:
        return {
            **vars(self),
            "files": {},
            "parsed": {},
            "bases": {},
        }  # a job's process composes no other job

    def _parse_overrides_and_create_caching_repo(
        self, config_name: str | None, overrides: list[str]
    ) -> tuple[list[Override], CachingConfigRepository]:
        parser = OverridesParser.create()
        for override in overrides:
            if override not in self.parsed:
                (self.parsed[override],) = parser.parse_overrides([override])
        parsed = [copy.copy(self.parsed[override]) for override in overrides]
        repository = _ReadOnce(self.repository, self.files)
        self._process_config_searchpath(config_name, parsed, repository)
        return parsed, repository


class RememberingLoader(ReadingOnceLoader):
    """Composes a job once: a launcher takes what the sweeper has composed.

    Hydra's sweepers compose every job to validate it (`Sweeper.validate_batch_is_legal`) and
    discard the result, and their launchers compose it again, a tenth of a second each time.
    """

    def __init__(self, loader: ConfigLoader) -> None:
        super().__init__(loader)
        self._composed: dict[tuple[str, ...], bytes] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "_composed": {}}

    def load_sweep_config(
        self, master_config: DictConfig, sweep_overrides: list[str]
    ) -> DictConfig:
        """Compose a job and keep it for its launcher."""
        config = super().load_sweep_config(master_config, sweep_overrides)
        self.remember(sweep_overrides, config)
        return config

    def remember(self, overrides: Sequence[str], config: DictConfig) -> None:
        """Keep the configuration of the job with `overrides` for its launcher."""
        self._composed[tuple(overrides)] = pack(config)

    def take(self, master: DictConfig, overrides: Sequence[str]) -> DictConfig:
        """Return the job with `overrides`, which the caller may change: it is given once."""
        known = self._composed.pop(tuple(overrides), None)
        return (
            super().load_sweep_config(master, list(overrides)) if known is None else unpack(known)
        )
