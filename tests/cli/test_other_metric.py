"""From a sweep to a recipe by a loss and by macro F1: what is printed agrees with the results."""

from __future__ import annotations

import statistics
import subprocess
from pathlib import Path

import optuna
import pytest

from commanding import TINY, run_command
from darkmagic.checklist.metric import Metric
from darkmagic.sweeps.track.rules import METRICS
from darkmagic.trainers.outputs.result_file import read_result

pytestmark = [pytest.mark.weekly, pytest.mark.timeout(1800)]
TRICKS = (
    "checklist.tricks=[{name: optimizer, section: s, options: [sgd_nesterov, adam]},"
    "{name: mixup, section: s, options: ['off', 'on']}]"
)
MINE = [TRICKS, *TINY[1:], "dataset=digits", "epochs=1", "model.build.width=4", "floor=0"]
TAKE = ["--take", "mixup=on", "--take", "optimizer=adam", "--seeds", "2"]
Project = tuple[Path, str, Metric]


def _run(project: Project, *words: str, metric: str = "") -> subprocess.CompletedProcess[str]:
    folder, name, _ = project
    own = [*MINE, f"metric={metric or name}", "-n", "mine"]
    return run_command(*words, *own, folder=folder, DARKMAGIC_CACHE=str(folder), COLUMNS="160")


def _values(project: Project, trial: str, field: str) -> list[float]:
    """Return the values of a trial's runs, in the unit of the metric, in the order of seeds."""
    folder, _, metric = project
    paths = sorted((folder / "runs" / "mine").glob(f"{trial}*/result.json"))
    found = [result[field] for path in paths if (result := read_result(path.parent)) is not None]
    return [metric.scale * value for value in found]


@pytest.fixture(scope="module", params=["loss", "macro_f1"])
def project(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Project:
    """Run the sweep that later commands go on with."""
    name = str(request.param)
    found = (tmp_path_factory.mktemp("other"), name, METRICS[name])
    words = ["checklist", "run", "--skip-preflight", "seeds=2", "baseline_repeats=2"]
    done = _run(found, *words)
    assert done.returncode == 0, done.stderr
    assert METRICS[name].head in done.stdout
    assert METRICS[name].value(statistics.fmean(_values(found, "baseline", "val_metric"))) in (
        done.stdout
    )
    return found


def test_confirmation_is_of_the_metric(project: Project) -> None:
    """The table has the test set's values, and the sentence their difference, in its direction."""
    metric = project[2]
    done = _run(project, "checklist", "confirm", *TAKE)
    assert done.returncode == 0, done.stderr
    base = _values(project, "baseline-s100", "test_metric")
    both = _values(project, "combination=mixup*-s100", "test_metric")
    assert (len(base), len(both)) == (2, 2)
    assert f"test {metric.unit}" in done.stdout
    for value in (*base, *both):
        assert metric.value(value) in done.stdout
    gain = metric.gain(statistics.fmean(both) - statistics.fmean(base))
    assert f"The combination {metric.gained(gain)} on the test set (" in done.stdout
    assert ("lower is better" in done.stdout) is (metric.sign < 0)


def test_ablation_and_path_are_of_the_metric(project: Project) -> None:
    """What a part adds is a difference of the metric, in table and page alike."""
    folder, _, metric = project
    done = _run(project, "checklist", "ablate", *TAKE, "--path")
    assert done.returncode == 0, done.stderr
    page = (folder / "runs" / "mine" / "ablation.md").read_text()
    assert metric.head in done.stdout
    assert f"| step | {metric.head} |" in page
    plain = _values(project, "combination=none-s200", "val_metric")
    whole = _values(project, "baseline-s200", "val_metric")
    assert (len(plain), len(whole)) == (2, 2)
    assert f"| `baseline` | {metric.value(statistics.fmean(plain))} |" in page
    gain = metric.gain(statistics.fmean(whole) - statistics.fmean(plain))
    assert f"The whole recipe {metric.gained(gain)} (" in page
    assert ("lower is better" in page) is (metric.sign < 0)
    assert " points" not in page or metric.unit == "%"


def test_study_is_of_the_metric(project: Project) -> None:
    """Optuna minimises a loss and maximises a share, and its values are those of the results."""
    folder, name, metric = project
    words = ["tune", "runs=3", "--seeds", "2", "--skip-preflight"]
    done = _run(project, *words)
    assert done.returncode == 0, done.stderr
    storage = f"sqlite:///{folder}/runs/mine/optuna.db"
    (study,) = optuna.get_all_study_names(storage)
    found = optuna.load_study(study_name=study, storage=storage)
    assert (found.direction.name == "MINIMIZE") is (metric.sign < 0)
    own = [trial.value for trial in found.trials if trial.user_attrs.get("ran") == "finished"]
    trained = _values(project, "", "val_metric")
    assert len(own) == 3
    for value in own:
        assert any(value == pytest.approx(each) for each in trained)
    if "No recipe was seen" not in done.stdout:
        assert f"test {metric.unit}" in done.stdout
        assert "on the test set" in done.stdout
    other = "macro_f1" if name == "loss" else "loss"
    refused = _run(project, *words, metric=other)
    assert refused.returncode == 2
    assert f"and this asks for {METRICS[other].name}" in " ".join(refused.stderr.split())


def test_optimisation_is_of_the_metric(project: Project) -> None:
    """What is settled on and confirmed is in the metric's unit: no accuracy among losses."""
    folder, name, metric = project
    words = ["optimize", "budget=15", "--seeds", "2", "--skip-preflight"]
    own = [*MINE, f"metric={name}", "-n", "best"]
    done = run_command(*words, *own, folder=folder, DARKMAGIC_CACHE=str(folder), COLUMNS="160")
    assert done.returncode == 0, done.stderr
    story = (folder / "runs" / "best" / "optimize.md").read_text()
    rows = story.partition("## 3.")[2].partition("## 4.")[0].splitlines()
    settled = [line.split("|")[-3:-1] for line in rows if line.startswith("| ")][1:]
    seen = [float(value) for cells in settled for value in " ".join(cells).split()]
    limits = (0.0, 5.0) if name == "loss" else (0.0, 100.0)
    assert len(seen) >= 4
    assert all(limits[0] <= value <= limits[1] for value in seen), story
    assert sum("| the baseline |" in line for line in rows) == 1
    expected = [float(cells[1]) for cells in settled]
    assert expected == sorted(expected, reverse=metric.sign > 0)
    if "keep it" not in story.partition("## 1.")[0]:
        answer = story.partition("## 1.")[0]
        assert f"{metric.points} on the test set" in answer
        assert ("lower is better" in answer) is (metric.sign < 0)
