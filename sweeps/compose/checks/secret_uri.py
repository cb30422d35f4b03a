"""The tracking URI with a password: it goes into the environment, and into no configuration."""

from __future__ import annotations

import os
import threading

from hydra.core.override_parser.types import Override

from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.compose.parse_overrides import parse_override, quote

__all__ = ["hide_secret_uri"]

KEY = "runtime.tracking_uri"
VARIABLE = "DARKMAGIC_TRACKING_URI_"
_hidden: dict[str, str] = {}  # the variable of each URI of this process
_lock = threading.Lock()


def hide_secret_uri(override: Override) -> Override:
    """Return an override of the tracking URI that names a variable, if its value has a secret.

    A job's configuration is a file, which a worker of another machine reads: there the variable is
    not set, and the URI is the masked one. A trial asks no MLflow.

    >>> typed = parse_override("runtime.tracking_uri=http://me:secret@host")
    >>> print(*hide_secret_uri(typed).input_line.split(","))
    runtime.tracking_uri='${oc.env:DARKMAGIC_TRACKING_URI_... "http://***@host"}'
    """
    uri = override.value()
    if override.get_key_element() != KEY or not isinstance(uri, str):
        return override
    masked = mask_secrets(uri)
    if masked == uri or "${" in uri or '"' in masked:
        return override
    with _lock:
        name = _hidden.setdefault(uri, f"{VARIABLE}{len(_hidden) + 1}")
    os.environ[name] = uri
    interpolation = f'${{oc.env:{name},"{masked}"}}'
    return parse_override(f"{KEY}={quote(interpolation)}")
