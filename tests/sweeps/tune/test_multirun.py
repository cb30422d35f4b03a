"""`hydra/sweeper=darkmagic_optuna` in an application of its own, which knows nothing of us."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import optuna
import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.tune.multirun import MultirunStudy

APP = """
import hydra

@hydra.main(version_base="1.3", config_path=None, config_name=None)
def app(config):
    if config.kind == "bad":
        raise ValueError("no such kind")
    return (config.x - 1) ** 2

if __name__ == "__main__":
    app()
"""
SWEPT = ["+x=interval(-3.0,3.0)", "+kind=good,bad,fine"]


def _start(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "app.py").write_text(APP)
    command = [sys.executable, "app.py", "-m", "hydra/sweeper=darkmagic_optuna", *words]
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )


def test_application_is_tuned_and_goes_on_under_another_launcher(tmp_path: Path) -> None:
    """Hydra's launcher gets batches, ours a stream; the study in the storage counts for both."""
    storage = f"sqlite:///{tmp_path}/study.db"
    shared = [f"hydra.sweeper.storage={storage}", "hydra.sweeper.study_name=s", *SWEPT]
    first = _start(tmp_path, *shared, "hydra.sweeper.n_trials=4", "hydra.sweeper.n_jobs=2")
    assert first.returncode == 0, first.stderr
    study = optuna.load_study(study_name="s", storage=storage)
    study.ask({name: span for t in study.trials for name, span in t.distributions.items()})
    local = ["hydra/launcher=local", "hydra.launcher.devices=cpu", "hydra.sweeper.n_trials=8"]
    second = _start(tmp_path, *shared, *local)
    assert second.returncode == 0, second.stderr
    trials = study.trials
    ended = [trial for trial in trials if "ended" in trial.user_attrs]
    assert len(ended) == 8
    assert not [trial for trial in trials if trial.state.name in ("RUNNING", "WAITING")]
    for trial in ended:
        assert (trial.state.name == "FAIL") == (trial.params["+kind"] == "bad")
    (path,) = set(tmp_path.glob("multirun/*/*/optimization_results.yaml")) or [None]
    assert path is not None
    assert yaml.safe_load(path.read_text())["best_value"] == study.best_value


@pytest.mark.parametrize(
    ("override", "span"),
    [
        ("x=interval(0.1,1.0)", optuna.distributions.FloatDistribution(0.1, 1.0)),
        ("x=tag(log,interval(0.1,1))", optuna.distributions.FloatDistribution(0.1, 1, log=True)),
        ("x=tag(int,interval(1,8))", optuna.distributions.IntDistribution(1, 8)),
        ("x=int(interval(1,8))", optuna.distributions.IntDistribution(1, 8)),
        ("x=interval(1,8)", optuna.distributions.FloatDistribution(1.0, 8.0)),
        ("x=range(1,5)", optuna.distributions.IntDistribution(1, 4)),
        ("x=range(0,10,5)", optuna.distributions.IntDistribution(0, 5, step=5)),
        ("x=a,b", optuna.distributions.CategoricalDistribution(("a", "b"))),
        (
            "x=choice(1,2.5,true)",
            optuna.distributions.CategoricalDistribution(("1", "2.5", "true")),
        ),
        ("db=mysql,sqlite", optuna.distributions.CategoricalDistribution(("mysql", "sqlite"))),
    ],
)
def test_sweeps_of_hydra_are_distributions(override: str, span: object) -> None:
    """Each kind of sweep that Hydra writes has its distribution, and values that Hydra reads."""
    study = MultirunStudy([override, "y=3"], sampler="random", directions=["minimize"], trials=3)
    words = study.next_job()
    assert words is not None
    assert words[0] == "y=3"
    OverridesParser.create().parse_overrides(list(words))
    key = override.partition("=")[0]
    assert study._spans == {key: span}


@pytest.mark.parametrize(
    ("overrides", "options", "said"),
    [
        (["x=1"], {}, "no override is swept"),
        (["x=interval(3,1)"], {}, "low < high"),
        (["x=a,b"], {"sampler": "tpee"}, "did you mean tpe"),
        (["x=a,b"], {"directions": ["up"]}, "choose from minimize, maximize"),
        (["x=a,b"], {"trials": 0}, "give 1 or more"),
        (["x=a,b("], {}, "cannot read an override"),
    ],
)
def test_mistakes_are_one_line(overrides: list[str], options: dict[str, object], said: str) -> None:
    """What cannot be swept is said before a job starts."""
    usual = {"sampler": "tpe", "directions": ["minimize"], "trials": 3}
    with pytest.raises(UserError, match=said) as found:
        MultirunStudy(overrides, **{**usual, **options})
    assert "\n" not in str(found.value)
