"""Session of Hydra: composes our configuration and lists its groups and options."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

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
from darkmagic.sweeps.compose.caching_loader import ReadingOnceLoader
from darkmagic.sweeps.compose.config_files import composition_errors
from darkmagic.sweeps.trial.identity import identity, resolve

__all__ = [
    "COMMAND_CONFIG",
    "CONFIG_NAME",
    "compose",
    "compose_base",
    "group_options",
    "hydra_session",
    "root_config",
    "subgroups",
]

CONFIG_NAME, COMMAND_CONFIG = "config", "command"
"""The files that all is composed from: of our own loop, and of a trainer that is a command."""


@contextlib.contextmanager
def hydra_session(config_dirs: Sequence[Path] = ()) -> Iterator[Hydra]:
    """Yield a Hydra over our configuration and the user's `config_dirs`, which go first.

    Raises `UserError` for a folder that does not exist.
    """
    for folder in config_dirs:
        if not folder.is_dir():
            raise UserError(f"no folder {folder} (--config-dir)")
    _register_resolver("trial_identity", lambda *, _root_: identity(resolve(_root_)))
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
            hydra.config_loader = ReadingOnceLoader(hydra.config_loader)
            yield hydra
    finally:
        base.version_base = before  # Hydra leaves it to whatever else runs in this process


def root_config(overrides: Sequence[str]) -> str:
    """Return the file that `overrides` are composed over: another where they name a trainer.

    >>> root_config(["epochs=5"]), root_config(["trainer=timm"])
    ('config', 'command')
    """
    named = any(override.lstrip("+").startswith("trainer=") for override in overrides)
    return COMMAND_CONFIG if named else CONFIG_NAME


def _register_resolver(name: str, function: Callable[..., str]) -> None:
    """Register a resolver, in place of an earlier one of its name.

    OmegaConf 2.4 deprecates `register_new_resolver` for `register_resolver`, which in 2.3 is
    something older, without `replace`.
    """
    register: Callable[..., None] = OmegaConf.register_resolver
    if "replace" not in inspect.signature(register).parameters:
        register = OmegaConf.register_new_resolver
    register(name, function, replace=True)


def group_options(loader: ConfigLoader, group: str) -> list[str]:
    """Return the options of `group`, in order; empty if there is no such group.

    As `loader.get_group_options`, which copies all its sources for every question.
    """
    assert isinstance(loader, ConfigLoaderImpl)
    return loader.repository.get_group_options(group, ObjectType.CONFIG)


def subgroups(loader: ConfigLoader, group: str) -> list[str]:
    """Return the groups within `group`, in order; "" is the root."""
    assert isinstance(loader, ConfigLoaderImpl)
    return loader.repository.get_group_options(group, ObjectType.GROUP)


def compose(loader: ConfigLoader, overrides: Sequence[str]) -> DictConfig:
    """Compose the configuration, its `hydra` node included.

    Raises `UserError` for files and overrides that make none.
    """
    with composition_errors(" ".join(overrides)):
        name = root_config(overrides)
        return loader.load_configuration(name, list(overrides), run_mode=RunMode.MULTIRUN)


def compose_base(loader: ConfigLoader, choices: Sequence[str] = ()) -> DictConfig:
    """Compose what `choices` of options alone give, once a session: it is not to be changed.

    Raises `UserError` as `compose` does.
    """
    assert isinstance(loader, ReadingOnceLoader)
    key = tuple(choices)
    if key not in loader.bases:
        loader.bases[key] = compose(loader, choices)
    return loader.bases[key]
