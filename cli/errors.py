"""Errors of commands: one line for what a user can fix, a traceback only on request."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import os
import signal
from collections.abc import Iterator
from types import FrameType

import typer

from darkmagic.distribution import DISTRIBUTION

__all__ = ["Settings", "cli_errors", "interruptible"]

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Windows has no SIGHUP."""
IN_THE_WAY = (errno.ENOTDIR, errno.EEXIST, errno.EISDIR)
SURROUNDINGS = (
    *IN_THE_WAY,
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.EIO,
    errno.ESTALE,
    errno.EMFILE,
    errno.ENFILE,
    errno.ENOMEM,
    errno.EFBIG,
)
"""Errors of the machine that we run on, which are no bugs of ours."""

DISTRIBUTIONS = {
    "PIL": "pillow",
    "hydra": "hydra-core",
    "omegaconf": "hydra-core",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Of those that we import, whose name is another than the module's."""


class Settings:
    """Settings of the whole process."""

    debug = False  # set by the option before the command
    read_only = False  # the command leaves nothing to tidy up


@contextlib.contextmanager
def cli_errors() -> Iterator[None]:
    """Turn errors into one line on stderr: exit code 2 for the user's, 1 for ours."""
    from darkmagic.checklist.errors import UserError
    from darkmagic.cli.console import make_console

    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except Exception as error:
        if Settings.debug:
            raise
        if isinstance(error, UserError):
            message = " ".join(str(error).splitlines())
        elif isinstance(error, ModuleNotFoundError):
            message = _missing_package(error)
        else:
            message = _of_surroundings(error) if isinstance(error, OSError) else ""
        if not message:
            _print_bug(error)
            raise typer.Exit(1) from None
        _print_error(make_console(stderr=True), f"error: {message}")
        raise typer.Exit(2) from None


def _of_surroundings(error: OSError) -> str:
    """Return what is wrong with this machine; empty where that is a bug of ours."""
    if error.errno not in SURROUNDINGS:
        return ""
    where = f" {error.filename}" if error.filename else ""
    why = os.strerror(error.errno)
    if error.errno in IN_THE_WAY:
        why += " (a file is in the place of a folder, or the other way round)"
    return f"cannot use{where or ' a file'}: {why}"


def _missing_package(error: ModuleNotFoundError) -> str:
    """Return which package is not installed; empty where a module within one is missing."""
    name = (error.name or "").partition(".")[0]
    if not name or importlib.util.find_spec(name) is not None:
        return ""
    package = DISTRIBUTIONS.get(name, name)
    return (
        f"this needs the Python package {package}, which is not installed: pip install {package}, "
        f"or all that is needed: pip install {DISTRIBUTION}"
    )


def _print_bug(error: Exception) -> None:
    from darkmagic.cli.console import make_console

    _print_error(
        make_console(stderr=True),
        f"internal error: {type(error).__name__}: {' '.join(str(error).split())}\n"
        "This is a bug of darkmagic's; `darkmagic --debug ...` shows where.",
    )


def _print_error(console: object, message: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from darkmagic.checklist.secrets import mask_secrets

    assert isinstance(console, Console)
    console.print(Text(mask_secrets(message), style="red"), soft_wrap=True)


@contextlib.contextmanager
def interruptible(how_to_continue: str) -> Iterator[None]:
    """End Ctrl-C, SIGTERM and SIGHUP with the command to continue, and exit code 130.

    The first is given time to tidy up; a second ends the process at once, whose children follow.
    """
    from darkmagic.checklist.secrets import mask_secrets
    from darkmagic.cli.console import make_console
    from darkmagic.cli.own_command import pasteable

    command, stops = mask_secrets(how_to_continue), 0

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal stops
        stops += 1
        if stops > 1:
            os.write(2, f"\nstopped at once. To go on: {pasteable(command)}\n".encode())
            os._exit(130)
        raise KeyboardInterrupt

    ignored = {s for s in ENDING if signal.getsignal(s) is signal.SIG_IGN}  # as nohup has it
    before = {each: signal.signal(each, stop) for each in ENDING if each not in ignored}
    try:
        yield
    except KeyboardInterrupt:
        make_console(stderr=True).print(
            f"stopped; finished trials are kept. To go on: {command}", soft_wrap=True, markup=False
        )
        raise typer.Exit(130) from None
    finally:
        if not stops:  # or else the process is about to end, and a second signal may still come
            for each, handler in before.items():
                signal.signal(each, handler)
