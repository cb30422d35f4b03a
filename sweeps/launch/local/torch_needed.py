"""Whether jobs need torch, and that it is there for those that do."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.distribution import DISTRIBUTION
from darkmagic.sweeps.trial.command.node import is_command

__all__ = ["check_torch", "has_torch", "pays_with_torch"]


def pays_with_torch(config: Mapping[str, Any]) -> bool:
    """Whether jobs of the application with `config` need torch, as far as can be known.

    Those of our own do, unless they are commands, and so do those of one that has imported it, or
    whose script will, as one does that imports it in its jobs.
    """
    if is_command(config):
        return False
    return "tricks" in config or "torch" in sys.modules or _script_imports_torch()


def check_torch() -> None:
    """Raise `UserError` where torch is not installed."""
    if not has_torch():
        raise UserError(
            f"this trains with torch, which is not installed: pip install {DISTRIBUTION} brings "
            "it; judge, compare and report work without"
        )


def has_torch() -> bool:
    """Whether torch is installed; it is not imported."""
    return importlib.util.find_spec("torch") is not None


def _script_imports_torch() -> bool:
    try:
        text = Path(str(getattr(sys.modules["__main__"], "__file__", ""))).read_text()
    except (OSError, UnicodeDecodeError):
        return False
    return re.search(r"^\s*(import|from)\s+torch", text, re.MULTILINE) is not None
