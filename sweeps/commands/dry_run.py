"""Overrides of `darkmagic checklist run --dry-run`: every trial, as short as can be."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from darkmagic.sweeps.commands.plan import PlannedSweep, plan
from darkmagic.sweeps.compose.checks.values import resolve_part
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.parse_overrides import literal, quote
from darkmagic.sweeps.compose.request import UNDECIDED, split_request
from darkmagic.sweeps.compose.session import hydra_session
from darkmagic.sweeps.launch.check import check_detach
from darkmagic.sweeps.track.store import default_uri, open_client
from darkmagic.sweeps.trial.command.node import refuse_command
from darkmagic.sweeps.trial.paths import out_folder
from darkmagic.trainers.runtime.cache import OFFLINE

__all__ = ["dry_run_overrides", "plan_dry_run"]

FEW = "darkmagic.trainers.data.few.Few"


@contextmanager
def plan_dry_run(
    overrides: Sequence[str],
    config_dirs: Sequence[Path] = (),
    *,
    interactions: bool = False,
    detach: bool = False,
) -> Iterator[PlannedSweep]:
    """Yield the trials of `overrides`, each as short as can be, in a folder that ends with it.

    What they would be in earnest is planned and checked first, as a sweep to `detach` from too, and
    their tracking server asked. Nothing is downloaded. Raises `UserError` where either cannot be
    used.
    """
    with _offline():
        earnest = plan(overrides, config_dirs, will_train=True, interactions=interactions)
        if detach:
            check_detach(earnest.config)
        _check_tracking(earnest.config)
        with dry_run_overrides(overrides, config_dirs) as words:
            yield plan(words, config_dirs)


@contextmanager
def dry_run_overrides(
    overrides: Sequence[str], config_dirs: Sequence[Path] = ()
) -> Iterator[list[str]]:
    """Yield `overrides` changed to two steps on a few images on the CPU, in a temporary folder.

    The images are of the user's own data set, or of its size, channels and classes where they
    would have to be downloaded. What depends on earlier runs (`seeds=+2`, `only=undecided`) is
    left out; all else that they set stays, names in `only=` too. Raises `UserError` for an
    override that cannot be used.

    >>> with dry_run_overrides(["dataset=cifar10", "model=resnet18"]) as overrides:
    ...     print(overrides[:3])
    ['model=resnet18', 'dataset=tiny', 'max_steps=2']
    """
    plain, request = split_request(overrides)
    named = [f"only=[{','.join(request.only)}]"] if set(request.only) - {UNDECIDED} else []
    with hydra_session(config_dirs) as hydra:
        config = check_overrides(hydra.config_loader, plain).config
        refuse_command(config, "--dry-run", "darkmagic preflight tries its words")
        dataset = resolve_part(config, "dataset")
    own: tuple[str, ...] = ("dataset=", "dataset.")
    if config.hydra.runtime.choices["hydra/launcher"] != "local":  # two steps are trained here
        own += ("hydra/launcher=", "hydra.launcher.")
    kept = [o for o in plain if not o.lstrip("+~").startswith(own)]
    upstream = dataset.get("upstream")
    few = _few("dataset.source", dataset["source"], ("size", "channels"))
    if upstream is None:
        few.append("~dataset.upstream")
    else:
        few += _few("dataset.upstream.source", upstream["source"], ("size", "channels", "seed"))
    with tempfile.TemporaryDirectory(prefix="darkmagic-") as folder:
        yield [
            *kept,
            *named,
            "dataset=tiny",
            "max_steps=2",
            *few,
            "floor=0",
            "runtime.device=cpu",
            "hydra.launcher.devices=cpu",
            f"runtime.out={quote(folder)}",
            f"runtime.cache={quote(f'{folder}/cache')}",
            f"runtime.tracking_uri={quote(f'sqlite:///{folder}/mlflow.db')}",
        ]


@contextmanager
def _offline() -> Iterator[None]:
    """Have this process, and those that it starts, download nothing.

    A trial that needs published weights, which are not here yet, is then skipped.
    """
    before = os.environ.get(OFFLINE)
    os.environ[OFFLINE] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[OFFLINE]
        else:
            os.environ[OFFLINE] = before


def _few(key: str, source: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    """Return the overrides that put a few images of `source` at `key`, in place of the tiny set,
    which has `fields`.
    """
    leave_out = [f"~{key}.{field}" for field in fields]
    return [f"{key}._target_={FEW}", *leave_out, f"+{key}.source={literal(source)}"]


def _check_tracking(config: DictConfig) -> None:
    """Raise `UserError` where the tracking server of `config` does not answer.

    A store in a file is not asked: to ask makes one.
    """
    uri = default_uri(config.runtime.tracking_uri, out_folder(config))
    if not uri.startswith(("sqlite:", "file:", "/")):
        open_client(uri)
