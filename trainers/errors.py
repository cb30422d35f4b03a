"""What ends a trial before or while it trains, and an error's message in one line."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

__all__ = [
    "CaptureFailed",
    "Conflict",
    "LoaderDied",
    "NotApplicable",
    "TrialSkipped",
    "format_error",
    "is_memory",
    "own_error",
    "short_message",
]

LIBRARIES = (
    *("/site-packages/", "/dist-packages/", "<frozen", f"{sys.base_prefix}/lib/python"),
    f"{Path(__file__).parent.parent}/",
)
"""Parts of the paths of files that are not the user's."""


class CaptureFailed(RuntimeError):  # noqa: N818 (what happened, by its name)
    """A step's capture as a CUDA graph failed half-way: this process can train no more.

    Its random generators and its allocator still capture. `cuda_graphs="off"` trains, in a new one.
    """


class LoaderDied(RuntimeError):  # noqa: N818 (what happened, by its name)
    """A process that reads images was killed or crashed: the trial may go on in a new one."""


class NotApplicable(Exception):  # noqa: N818 (a finding, not an error)
    """The trick finds nothing to work on in this model; the message says why.

    `trick` is its name in the recipe, where it is known.

    >>> from darkmagic.trainers.tricks import DropPath
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    >>> try:
    ...     DropPath(0.1).edit_model(net, torch.zeros(2, 3, 8, 8))
    ... except NotApplicable as reason:
    ...     print(reason)
    drop_path drops residual branches, and the model has no sum of two
    """

    trick: str | None = None


class TrialSkipped(Exception):  # noqa: N818 (a finding, not an error)
    """Something the trial needs is not to be had here; the message says what.

    >>> from darkmagic.trainers.tricks import Pretrain
    >>> try:
    ...     Pretrain("nowhere.pt").edit_model(nn.Linear(2, 2), torch.zeros(2, 2))
    ... except TrialSkipped as reason:
    ...     print(reason)
    no file of weights at nowhere.pt
    """


class Conflict(NotApplicable):
    """Two tricks of the recipe cannot be had together; the message says why.

    >>> from darkmagic.trainers.tricks import MulticlassHinge, Mixup
    >>> MulticlassHinge().conflict(Mixup())  # a reason: a recipe with both raises `Conflict`
    'it mixes targets, and a hinge needs one class an image'
    """


GENERATED = "<string>"
"""The file of code that has none, as the `__init__` of a dataclass, whose lines nobody can read."""


def short_message(error: BaseException) -> str:
    r"""Return an error's message in one line, its type's name where it has none.

    That is the first line, with the next where the first only announces it by a colon.

    >>> short_message(ValueError("Error in call to target 'x':\nKeyError('size')\nfull_key: y"))
    "Error in call to target 'x': KeyError('size')"
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    message = lines[0] if lines else type(error).__name__
    for line in lines[1:]:
        if not message.endswith(":"):
            break
        message += f" {line}"
    return message


def own_error(error: BaseException) -> str:
    """Return an error with the line that raised it: `KeyError: 'size' (my_data.py, line 12: ...)`.

    What a library wrapped around a user's own error, as Hydra does, is left out. The line is the
    last one of the traceback that is neither ours nor a library's; without one, none is given.
    """
    while error.__cause__ is not None and (
        type(error).__module__.startswith("hydra") or str(error).startswith("Error loading")
    ):
        error = error.__cause__
    message = format_error(error)
    frames = traceback.extract_tb(error.__traceback__)
    own = [
        frame
        for frame in frames
        if not any(part in frame.filename for part in LIBRARIES) and frame.filename != GENERATED
    ]
    if not own:
        return message
    last = own[-1]
    return f"{message} ({last.filename}, line {last.lineno}: {last.line})"


def is_memory(error: BaseException) -> bool:
    """Return whether an error says that memory, of the machine or of a GPU, did not suffice."""
    return isinstance(error, MemoryError) or "out of memory" in str(error).lower()


def format_error(error: BaseException) -> str:
    """Return the name of an error's type, and the first line of its message where it has one."""
    name, message = type(error).__name__, short_message(error)
    return name if message == name else f"{name}: {message}"
