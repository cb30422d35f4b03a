"""The processes that read images, and what is said when one of them fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from darkmagic.trainers.errors import LoaderDied, own_error

__all__ = ["make_loader", "read_batches"]


class LoaderError(RuntimeError):
    """An error in a process that reads images, in one line, with the user's line that raised it.

    An error itself need not survive the way to another process: one of a class within a function
    cannot be pickled, and the trial would wait for it for ever.
    """


class _Telling(Dataset[Tensor]):
    """A data set whose errors are `LoaderError`s."""

    def __init__(self, images: Dataset[Tensor]) -> None:
        self._images = images

    def __getitems__(self, places: list[int]) -> Sequence[Tensor]:
        try:
            several = getattr(self._images, "__getitems__", None)
            read: Any = several(places) if several else [self._images[place] for place in places]
        except Exception as error:  # noqa: BLE001 (whatever it is, it crosses a process)
            raise LoaderError(own_error(error)) from None
        return read  # type: ignore[no-any-return]


def make_loader(
    images: Dataset[Tensor], order: Iterable[list[int]], workers: int, *, pin_memory: bool
) -> DataLoader[Tensor]:
    """Return what reads the batches of `order` from `images` in so many processes of its own."""
    return DataLoader(
        _Telling(images) if workers else images,
        batch_sampler=order,
        num_workers=workers,
        pin_memory=pin_memory,
        persistent_workers=workers > 0,
    )


def read_batches(loader: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield the batches of `loader`; what its processes raise ends in one line that says why.

    The loader hands on a whole traceback as the message. Raises `ValueError` where a file cannot
    be read, with its name, `LoaderError` for what else is raised there, and `LoaderDied` where a
    process was killed or crashed.
    """
    try:
        yield from loader
    except Exception as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        first = lines[0] if lines else ""
        if "DataLoader worker (pid" in first:
            raise LoaderDied(f"a process that reads images ended: {first}") from error
        if "in DataLoader worker process" not in first:
            raise
        cause = lines[-1].split(f"{LoaderError.__name__}: ", maxsplit=1)[-1]
        if cause.startswith("ValueError: "):
            raise ValueError(cause.removeprefix("ValueError: ")) from error
        raise LoaderError(cause) from error
