"""Secrets in text: masked wherever a text leaves the process, to a file, a screen or MLflow."""

from __future__ import annotations

import re
import traceback
from collections.abc import Mapping
from typing import Any

__all__ = ["mask_nested", "mask_secrets", "masked_traceback"]

MASK = "***"
WEB = re.compile(r"(?P<scheme>\bhttps?://)[^\s/'\"]+@", re.IGNORECASE)
"""Who asks a server: a token may be the user, the password or both."""
USER = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+._-]*://)(?P<who>[^\s/@'\"]+)@", re.IGNORECASE)
"""The user and password of a URI. A password may have an `@`, `/` or `#` in it, unquoted."""
PASSWORD = re.compile(
    r"(?P<scheme>\b[a-z][a-z0-9+._-]*://)(?P<user>[^\s:/'\"]*):(?P<word>[^\s'\"]+)@", re.IGNORECASE
)
QUERY = re.compile(
    r"(?P<name>[?&;][\w.\[-]*(?:pass|pwd|token|secret|key|sig|auth|credential|odbc_connect)"
    r"[\w.\]-]*=)[^&;\s'\"#]+",
    re.IGNORECASE,
)
PLAIN_USERS = re.compile(r"[a-z_][a-z0-9_.-]{0,20}", re.IGNORECASE)
"""What a user may be called; anything longer or stranger before an `@` may be a token."""


def mask_secrets(text: str) -> str:
    """Return `text` with the passwords and tokens of its URIs masked.

    A token stands as a password, alone as the user, or in the query.

    >>> mask_secrets("postgresql://me:secret@host/db?sslpassword=x")
    'postgresql://me:***@host/db?sslpassword=***'
    >>> mask_secrets("no store at https://dapi0123456789abcdef0123@host/")
    'no store at https://***@host/'
    """
    if "://" not in text:
        return text
    text = WEB.sub(lambda found: f"{found['scheme']}{MASK}@", text)
    text = PASSWORD.sub(_masked_password, text)
    text = USER.sub(lambda found: f"{found['scheme']}{_who(found['who'])}@", text)
    return QUERY.sub(lambda found: f"{found['name']}{MASK}", text)


def mask_nested(value: Any) -> Any:
    """Return a copy of plain data with the secrets masked in every text of it.

    >>> mask_nested({"runtime": {"uri": "http://me:secret@host"}, "epochs": 2})
    {'runtime': {'uri': 'http://***@host'}, 'epochs': 2}
    """
    if isinstance(value, str):
        return mask_secrets(value)
    if isinstance(value, Mapping):
        return {key: mask_nested(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [mask_nested(each) for each in value]
    return value


def masked_traceback() -> str:
    """Return the traceback of the exception that is handled, masked: a log's too is read by others.

    >>> try:
    ...     raise ValueError("no store at http://me:secret@host")
    ... except ValueError:
    ...     print(masked_traceback().splitlines()[-1])
    ValueError: no store at http://***@host
    """
    return mask_secrets(traceback.format_exc())


def _masked_password(found: re.Match[str]) -> str:
    """Return what stands for a user and password; of the web's as `WEB` does, so that a text that
    is masked stays as it is when it is masked again.
    """
    scheme = found["scheme"]
    who = "" if scheme.lower().startswith("http") else f"{_user(found['user'])}:"
    return f"{scheme}{who}{MASK}@"


def _user(name: str) -> str:
    return name if not name or PLAIN_USERS.fullmatch(name) else MASK


def _who(who: str) -> str:
    user, colon, rest = who.partition(":")
    return f"{_user(user)}{colon}{rest and MASK}"
