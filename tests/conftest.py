"""Fixtures that every test may use. Nothing here leaves the temporary folders."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
"""Before torch is imported: pytest's workers share the cores, and threads that wait spin."""

os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
"""Commands run as with an active environment, whichever way pytest was started."""

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell's background jobs ignore it, and so would each command that a test interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPO = Path(__file__).parent.parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the tests that share a fixture's files to one worker, so that they are made once.

    Of a session's fixture alone they go by its name; else by their module, as a second name would
    make another group.
    """
    for item in items:
        assert isinstance(item, pytest.Function)
        groups = {
            item.location[0] if fixtures[-1].scope == "module" else f"{fixtures[-1].baseid}:{name}"
            for name, fixtures in item._fixtureinfo.name2fixturedefs.items()
            if fixtures[-1].scope in ("module", "session")
            and "tmp_path_factory" in fixtures[-1].argnames
        }
        if groups:
            group = item.location[0] if item.location[0] in groups else min(groups)
            item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(autouse=True)
def _own_folders(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Keep caches and runs out of the user's home and of the repository."""
    monkeypatch.setenv("DARKMAGIC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    fonts = tmp_path_factory.getbasetemp() / "matplotlib"  # listed once, in no test's own folder
    monkeypatch.setenv("MPLCONFIGDIR", str(fonts))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    before = Path.cwd()
    os.chdir(tmp_path)
    yield
    os.chdir(before)


@pytest.fixture(scope="session")
def repo() -> Path:
    """Return the root of the repository."""
    return REPO
