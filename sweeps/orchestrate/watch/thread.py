"""A thread whose failure is not lost: Python prints it, and whoever waits for it goes on."""

from __future__ import annotations

import threading

__all__ = ["KeptThread"]


class KeptThread(threading.Thread):
    """A thread that keeps what its target raised in `error`, None if it raised nothing.

    >>> thread = KeptThread(target=int, args=("one",))
    >>> thread.start()
    >>> thread.join()
    >>> thread.error
    ValueError("invalid literal for int() with base 10: 'one'")
    """

    error: BaseException | None = None

    def run(self) -> None:
        """Call the target."""
        try:
            super().run()
        except BaseException as error:  # noqa: BLE001 (whoever joins raises it)
            self.error = error
