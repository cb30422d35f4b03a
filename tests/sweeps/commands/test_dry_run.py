"""What a dry run tries: what the same command would train."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from commanding import TINY, run_command
from darkmagic.sweeps.commands.dry_run import dry_run_overrides
from darkmagic.sweeps.commands.plan import plan

MIXUP, RATES = {"mixup=on"}, {"lr_regime=gamma_decay", "lr_regime=cosine"}


@pytest.mark.parametrize(
    ("only", "tried"),
    [
        ("only=mixup", MIXUP),
        ("only=[mixup,lr_regime]", MIXUP | RATES),
        ("seeds=+2 only=[lr_regime=cosine,mixup]", MIXUP | {"lr_regime=cosine"}),
        ("seeds=+2 only=undecided", None),  # which are undecided tells an earlier run
        ("seeds=+2", None),
        ("", None),
    ],
)
def test_named_trials_alone_are_tried(only: str, tried: set[str] | None) -> None:
    """Beside the baseline; where an earlier run would tell, all of them are."""
    overrides = ["checklist=article", "dataset=cifar10", *only.split()]
    with dry_run_overrides(overrides) as words:
        trials = plan(words).trials
    names = [trial.name for trial in trials]
    assert names[0] == "baseline"
    if tried is None:
        assert len(names) == 16
    else:
        assert sorted(names[1:]) == sorted(tried)


@contextlib.contextmanager
def _port(*, answers_nothing: bool) -> Iterator[int]:
    """Yield a port that takes connections and never answers, or one that refuses them."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if answers_nothing:
            server.listen(50)
        yield server.getsockname()[1]


@pytest.mark.parametrize("answers_nothing", [True, False])
def test_dry_run_asks_the_tracking_server_first(tmp_path: Path, *, answers_nothing: bool) -> None:
    """One that does not answer is one line and exit code 2; nothing is tried or written."""
    limits = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "MLFLOW_HTTP_REQUEST_TIMEOUT": "1"}
    with _port(answers_nothing=answers_nothing) as port:
        uri = f"runtime.tracking_uri=http://127.0.0.1:{port}"
        words = ["checklist", "run", "--dry-run", *TINY, "checklist=article", uri]
        done = run_command(*words, folder=tmp_path, **limits)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: MLflow's store at http://127.0.0.1:{port} does not answer: ")
    assert list(tmp_path.iterdir()) == []
