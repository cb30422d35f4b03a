"""Sweeps for several tests, trained once each."""

from __future__ import annotations

import pytest

from sweeping import Swept, own_config, run


@pytest.fixture(scope="session")
def swept(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Return the article's checklist on tiny data, two epochs, two seeds of it trained."""
    return run(tmp_path_factory.mktemp("article"), ["epochs=2", "seeds=2", "baseline_repeats=1"])


@pytest.fixture(scope="session")
def own(tmp_path_factory: pytest.TempPathFactory) -> Swept:
    """Return a sweep of tricks of the user's own, most of which go wrong."""
    folder = tmp_path_factory.mktemp("own")
    overrides = ["checklist=own", "trick/label_smoothing=0.0"]
    return run(folder, overrides, [own_config(folder)])
