"""Files of configuration that cannot be read or composed: a line with the file and the place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml
from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from hydra.plugins.config_source import ConfigSource
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from darkmagic.checklist.errors import UserError
from darkmagic.trainers.errors import short_message

__all__ = [
    "REMARKS",
    "composition_errors",
    "config_message",
    "load_file",
    "load_remarks",
    "read_errors",
    "refuse_expansion",
    "refuse_expansions",
    "without_remarks",
]

MAX_VALUES = 100_000
"""Of a file of configuration: the largest of ours has some hundred."""
REMARKS = ("retune",)
"""Keys in an option's file that say something of the option, and are no fields of its trick."""

COMPOSITION = (
    *(HydraException, OmegaConfBaseException, ValueError, TypeError, KeyError, AttributeError),
    *(AssertionError, IndexError, RecursionError, OSError),
)
"""What Hydra raises, some of it by chance, for files and overrides that make no configuration."""
HYDRAS_OVERRIDING = "Could not override "
HYDRAS_MERGING = "Error merging override "
HYDRAS_ADVICE = ("To append", "To override", "Key ", "Set the environment", "You may also")
"""Starts of lines with which Hydra advises what is no help here."""


@contextlib.contextmanager
def read_errors(path: str) -> Iterator[None]:
    """Raise `UserError` naming file, line and column for YAML in `path` that cannot be read."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{mark.name}, line {mark.line + 1}, column {mark.column + 1}" if mark else path
        raise UserError(f"{where}: {error.problem or error.context}{_hint(error)}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: {_one_line(error)}") from None
    except (OSError, *COMPOSITION) as error:
        raise UserError(f"cannot read {path}: {config_message(error)}") from None


def refuse_expansion(text: bytes, name: str) -> None:
    """Raise `UserError` for the YAML `text` of the file `name` whose aliases stand for more than
    `MAX_VALUES` values: nine lines can be a thousand million, which would be copied for hours.
    """
    if b"*" not in text or b"&" not in text:
        return
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            return sizes[id(node)]
        sizes[id(node)] = MAX_VALUES + 1  # until it is known: one that holds itself has no end
        inner: list[yaml.Node] = []
        if isinstance(node, yaml.MappingNode):
            inner = [each for pair in node.value for each in pair]
        elif isinstance(node, yaml.SequenceNode):
            inner = node.value
        sizes[id(node)] = 1 + sum(map(size, inner))
        return sizes[id(node)]

    with read_errors(name):
        root = yaml.compose(text, getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        if root is not None and size(root) > MAX_VALUES:
            raise UserError(
                f"{name}: with its aliases (*name) it has more than {MAX_VALUES:,} values; write "
                "out what is meant"
            )


def refuse_expansions(sources: Iterable[ConfigSource], path: str) -> None:
    """Raise `UserError` as `refuse_expansion` does, for the file `path` of a configuration."""
    for source in sources:
        if source.scheme() == "file" and source.available() and source.is_config(path):
            file = Path(f"{source.path}/{path}".removesuffix(".yaml") + ".yaml")
            with read_errors(str(file)):
                text = file.read_bytes()
            refuse_expansion(text, str(file))


def _hint(error: yaml.MarkedYAMLError) -> str:
    problem = str(error.problem)
    if r"'\t'" in problem:
        return "; indent with blanks, not with tabs"
    if "single document" in str(error.context) + problem or "<document start>" in problem:
        return "; a file holds one mapping"
    return ""


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


@contextlib.contextmanager
def composition_errors(overrides: str = "") -> Iterator[None]:
    """Raise `UserError`, one line, for files and `overrides` that make no configuration."""
    try:
        yield
    except COMPOSITION as error:
        if isinstance(error, HydraException | OmegaConfBaseException | ValueError):
            raise UserError(config_message(error)) from error
        of = f" of {overrides}" if overrides else ""
        message = f"{type(error).__name__}: {short_message(error)}".removesuffix(": ")
        raise UserError(f"cannot compose the configuration{of}: {message}") from error


def config_message(error: BaseException) -> str:
    """Return one line about an error of Hydra's or OmegaConf's: the key, and what is wrong.

    Their own messages have several, of which the first often says only that something is.
    """
    lines = [line.strip() for line in str(error).strip().splitlines() if line.strip()]
    kept = [line for line in lines[1:] if not line.startswith(HYDRAS_ADVICE) and "=" not in line]
    kept = [line for line in kept if not line.startswith("full_key:")]
    first = lines[0] if lines else type(error).__name__
    message = " ".join([first, *kept[:2]]) if first.endswith((".", ":")) or not kept else first
    override, cause = message.removeprefix(HYDRAS_MERGING), error.__cause__
    if override != message and cause is not None:  # what is wrong with it is the cause's to say
        return f"{override}: {str(cause).strip().partition(chr(10))[0]}"
    if override.startswith(HYDRAS_OVERRIDING) and override.endswith("'.") and cause is not None:
        said = str(cause).strip().partition(chr(10))[0]
        return f"{override[:-1]}: {said}; a + before it adds keys: +KEY.NAME=VALUE"
    key = getattr(error, "full_key", None)
    return f"{key}: {message}" if key and str(key) not in message else message


def load_file(loader: ConfigLoader, path: str) -> DictConfig | None:
    """Return the content of the configuration file `path`, such as `trick/mixup/on`.

    None if there is none. Raises `UserError` for one that is no mapping.
    """
    config = _load(loader, path)
    return config if config is None else without_remarks(path, config)


def load_remarks(loader: ConfigLoader, path: str) -> dict[str, Any]:
    """Return what the file `path` of an option remarks beside its fields, such as `retune`."""
    config = _load(loader, path)
    plain = {} if config is None else OmegaConf.to_container(config)
    assert isinstance(plain, dict)
    return {key: plain[key] for key in REMARKS if key in plain}


def without_remarks(path: str, config: DictConfig) -> DictConfig:
    """Return the content of a file `path`, its remarks left out where it is of an option."""
    if path.startswith("trick/") and any(key in config for key in REMARKS):
        OmegaConf.set_struct(config, False)
        for key in REMARKS:
            config.pop(key, None)
    return config


def _load(loader: ConfigLoader, path: str) -> DictConfig | None:
    for source in loader.get_sources():
        if source.available() and source.is_config(path):
            name = f"{source.path}/{path}.yaml".removeprefix("file://")
            refuse_expansions([source], path)
            with read_errors(name):
                config = source.load_config(path).config
            if not isinstance(config, DictConfig):
                raise UserError(f"{name}: a file holds a mapping, key: value, and this is a list")
            return config
    return None
