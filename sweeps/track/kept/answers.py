"""Answers of MLflow, noted as they are given, and given again without it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from darkmagic.sweeps.mlflow_pages import all_experiments

__all__ = ["Answers", "NotKept", "Recorder", "Replayer"]

INFO = ("run_id", "experiment_id", "start_time", "artifact_uri")
DATA = ("tags", "metrics", "params")
"""What is read of a run."""


class NotKept(LookupError):  # noqa: N818 (a finding, and no error)
    """A question whose answer is not kept: MLflow is to be asked."""


@dataclass
class Answers:
    """What was answered, as JSON has it. A run stands once, however many searches found it."""

    experiments: list[tuple[str, str]] | None = None  # name and id
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    searches: dict[str, tuple[list[str], str | None]] = field(default_factory=dict)
    histories: dict[str, list[tuple[int, float]]] = field(default_factory=dict)

    def update(self, other: Answers) -> None:
        """Add the answers of `other`, which the same store gave in the same state."""
        self.experiments = other.experiments or self.experiments
        self.runs |= other.runs
        self.searches |= other.searches
        self.histories |= other.histories


def _search_key(experiments: Sequence[str], clauses: str, token: str | bytes | None) -> str:
    return "\n".join([*experiments, clauses, _text(token) or ""])


def _text(token: str | bytes | None) -> str | None:
    """Return the token of a page as JSON can have it: a server gives text, a database bytes."""
    return token.decode() if isinstance(token, bytes) else token


def _history_key(run_id: str, name: str) -> str:
    return f"{run_id} {name}"


class _Page(list[Any]):
    """A page of runs, and the token of the next one."""

    def __init__(self, runs: Sequence[Any], token: str | None) -> None:
        super().__init__(runs)
        self.token = token


class Recorder:
    """A client of MLflow's that notes its answers in `answers`."""

    def __init__(self, client: Any) -> None:
        self.answers = Answers()
        self.tracking_uri = str(client.tracking_uri)
        self._client = client

    def search_experiments(self, *, max_results: int, page_token: str | bytes | None) -> Any:
        """Return all experiments, as one page."""
        del max_results, page_token
        found = all_experiments(self._client)
        self.answers.experiments = [(each.name, each.experiment_id) for each in found]
        return _Page(found, None)

    def search_runs(
        self,
        experiments: Sequence[str],
        clauses: str,
        *,
        max_results: int,
        page_token: str | bytes | None,
    ) -> Any:
        """Return a page of runs."""
        page = self._client.search_runs(
            experiments, clauses, max_results=max_results, page_token=page_token
        )
        for run in page:
            info = {name: getattr(run.info, name) for name in INFO}
            data = {name: dict(getattr(run.data, name)) for name in DATA}
            self.answers.runs[run.info.run_id] = {**info, **data}
        key = _search_key(experiments, clauses, page_token)
        self.answers.searches[key] = [run.info.run_id for run in page], _text(page.token)
        return page

    def get_metric_history(self, run_id: str, name: str) -> list[Any]:
        """Return every value of a metric."""
        found = self._client.get_metric_history(run_id, name)
        values = [(metric.step, metric.value) for metric in found]
        self.answers.histories[_history_key(run_id, name)] = values
        return list(found)

    def download_artifacts(self, run_id: str, name: str, folder: str) -> str:
        """Fetch an artifact that is no file of this machine, which is not noted."""
        return str(self._client.download_artifacts(run_id, name, folder))


class Replayer:
    """A client that answers as the MLflow of `uri` did; it raises `NotKept` where it was not
    asked.
    """

    def __init__(self, answers: Answers, uri: str) -> None:
        self.tracking_uri = uri
        self._answers = answers

    def search_experiments(self, *, max_results: int, page_token: str | bytes | None) -> Any:
        """Return all experiments, as one page."""
        del max_results, page_token
        if self._answers.experiments is None:
            raise NotKept
        known = self._answers.experiments
        return _Page([SimpleNamespace(name=n, experiment_id=id_) for n, id_ in known], None)

    def search_runs(
        self, experiments: Sequence[str], clauses: str, *, max_results: int, page_token: str | None
    ) -> Any:
        """Return a page of runs."""
        del max_results  # the pages are those that were given
        key = _search_key(experiments, clauses, page_token)
        if key not in self._answers.searches:
            raise NotKept(key)
        ids, token = self._answers.searches[key]
        return _Page([self._run(each) for each in ids], token)

    def _run(self, run_id: str) -> Any:
        kept = self._answers.runs[run_id]
        info = SimpleNamespace(**{name: kept[name] for name in INFO})
        data = SimpleNamespace(**{name: kept[name] for name in DATA})
        return SimpleNamespace(info=info, data=data)

    def get_metric_history(self, run_id: str, name: str) -> list[Any]:
        """Return every value of a metric."""
        key = _history_key(run_id, name)
        if key not in self._answers.histories:
            raise NotKept(key)
        return [
            SimpleNamespace(step=step, value=value) for step, value in self._answers.histories[key]
        ]

    def download_artifacts(self, run_id: str, name: str, folder: str) -> str:
        """Raise `NotKept`: artifacts are read from their own files, or through MLflow."""
        raise NotKept(f"{run_id} {name} {folder}")
