"""What a screen leaves out, as a tag of its sweep: the report knows it from MLflow alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from darkmagic.checklist.designs.factors import Limits
from darkmagic.sweeps.track.schema.tags import LIMITS

__all__ = ["limits_tags", "read_limits"]


def limits_tags(limits: Limits) -> dict[str, str]:
    """Return the tag of `limits`; none where nothing is left out."""
    if limits == Limits():
        return {}
    content: dict[str, Any] = {
        "dropped": [[*choice, reason] for choice, reason in limits.dropped.items()],
        "apart": [list(pair) for pair in limits.apart],
        "together": [[*pair, look] for pair, look in limits.together.items()],
    }
    if limits.unseen:
        content["unseen"] = limits.unseen
    return {LIMITS: json.dumps(content)}


def read_limits(tags: Mapping[str, str]) -> Limits:
    """Return the limits of the sweep with these tags."""
    content = json.loads(tags.get(LIMITS) or "{}")
    return Limits(
        {(trick, option): reason for trick, option, reason in content.get("dropped", [])},
        [((a[0], a[1]), (b[0], b[1])) for a, b in content.get("apart", [])],
        {(a, b): look[0] if look else 0 for a, b, *look in content.get("together", [])},
        str(content.get("unseen", "")),
    )
