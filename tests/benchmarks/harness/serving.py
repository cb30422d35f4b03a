"""The peer's half of `harness.peers`: the standard library alone, for any environment.

Import it first: from then on what libraries print goes to standard error, and only answers are
written to the output.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

__all__ = ["serve"]

_answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def serve(*functions: Callable[..., Any]) -> None:
    """Answer calls from standard input, a JSON line each, until it ends."""
    by_name = {function.__name__: function for function in functions}
    for line in sys.stdin:
        name, arguments = json.loads(line)
        try:
            answer = {"value": by_name[name](**arguments)}
        except Exception:  # noqa: BLE001 (the caller raises it)
            answer = {"error": traceback.format_exc()}
        print(json.dumps(answer), file=_answers, flush=True)
