"""Tests that share what a fixture makes run in one worker, so that it is made once."""

from __future__ import annotations

import os

import pytest


@pytest.mark.xdist_group("mine")
def test_group_of_a_test_reaches_the_workers(request: pytest.FixtureRequest) -> None:
    """Where the plugin loses it, each worker makes every fixture of a module anew, in silence."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@mine")
