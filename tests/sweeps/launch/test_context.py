"""Context of a sweep: what reaches the sweeper and the launcher beside the configuration."""

from __future__ import annotations

import pytest

from darkmagic.sweeps.compose.request import Request
from darkmagic.sweeps.launch.context import SweepContext, current_context, use_context
from darkmagic.sweeps.launch.observer import IgnoreJobs
from darkmagic.sweeps.launch.progress import SilentProgress


def test_default_context_asks_nothing_and_shows_nothing() -> None:
    """Outside of a sweep, as in any other Hydra application, there are only defaults."""
    context = current_context()
    assert context.request == Request()
    assert context.plan is None
    assert isinstance(context.progress, SilentProgress)
    assert isinstance(context.observer, IgnoreJobs)


def test_context_is_restored_after_its_block_and_after_an_error() -> None:
    """The context of a block ends with it, and the one around it is current again."""
    outer, inner = SweepContext(Request(more_seeds=1)), SweepContext(Request(more_seeds=2))
    seen = []

    def fail() -> None:
        with use_context(inner):
            seen.append(current_context())
            raise RuntimeError("planted")

    with use_context(outer):
        with pytest.raises(RuntimeError, match="planted"):
            fail()
        assert seen == [inner]
        assert current_context() is outer
    assert current_context().request == Request()
