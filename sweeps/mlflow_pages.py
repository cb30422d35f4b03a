"""What MLflow hands out in pages, whole."""

from __future__ import annotations

from typing import Any

__all__ = ["A_PAGE", "all_experiments"]

A_PAGE = 1000
"""Runs, or experiments, that are asked for at once."""


def all_experiments(client: Any) -> list[Any]:
    """Return every experiment of a store, over as many pages as there are."""
    found, token = [], None
    while True:
        page = client.search_experiments(max_results=A_PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found
