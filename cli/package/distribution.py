"""What the distribution is called on a package index, and the commands that install its extras.

On the index the name `darkmagic` is that of another project, which our messages must never have
somebody install.
"""

from __future__ import annotations

__all__ = ["DISTRIBUTION", "install_extra"]

DISTRIBUTION = "darkmagic-checklist"
"""The command, the import and the repository are called `darkmagic`."""


def install_extra(extra: str) -> str:
    """Return the command that installs what the optional parts called `extra` need.

    Quoted, as some shells take brackets for a pattern.

    >>> install_extra("timm")
    "pip install 'darkmagic-checklist[timm]'"
    """
    return f"pip install '{DISTRIBUTION}[{extra}]'"
