"""What the command line calls: each function is one command, over checked overrides."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_loader import ConfigLoader
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Checklist
from darkmagic.checklist.plan import trial_names
from darkmagic.checklist.report.content import Report
from darkmagic.sweeps.commands.preflight import Finding, check_baseline, is_trained
from darkmagic.sweeps.commands.train import TrainObserver
from darkmagic.sweeps.compose.check_options import check_options
from darkmagic.sweeps.compose.checklist_config import checklist_from
from darkmagic.sweeps.compose.groups import TrickCard, trick_card, trick_names
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.plan import Plan, make_plan
from darkmagic.sweeps.compose.request import Request, asked_for, split_request
from darkmagic.sweeps.compose.session import compose, group_options, hydra_session
from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.observer import observed_by
from darkmagic.sweeps.orchestrate.extend import find_sweep, further_seeds, known_records
from darkmagic.sweeps.orchestrate.progress import SweepView, viewed_by
from darkmagic.sweeps.orchestrate.report import make_report
from darkmagic.sweeps.orchestrate.sweep import SweepOutcome
from darkmagic.sweeps.orchestrate.trial_state import TrialState
from darkmagic.sweeps.track.rules import rules_of
from darkmagic.sweeps.track.snapshot import take_snapshot
from darkmagic.sweeps.track.store import default_uri, open_client
from darkmagic.sweeps.trial.estimate import estimate_seconds
from darkmagic.sweeps.trial.identity import recipe_identity, resolve
from darkmagic.sweeps.trial.paths import out_folder
from darkmagic.sweeps.trial.task import run_trial
from darkmagic.trainers.errors import short_message

__all__ = [
    "checklists",
    "dry_run_overrides",
    "estimate",
    "plan",
    "power",
    "preflight",
    "run_checklist",
    "sweep",
    "train",
    "trick_cards",
]


@dataclass(frozen=True)
class Planned:
    """A plan and the configuration that it was made from."""

    plan: Plan
    config: DictConfig


@dataclass(frozen=True)
class Known:
    """A checklist, and the report of its sweep if there has been one of this recipe."""

    checklist: Checklist
    report: Report | None

    @property
    def trials(self) -> int:
        """How many there are beside the baseline."""
        return len(trial_names(self.checklist)) - 1


def power(words: Sequence[str], config_dirs: Sequence[Path] = ()) -> Known:
    """Return what is planned and what is known of it: the ground to plan more seeds on."""
    rest, _ = split_request(words)
    with hydra_session(config_dirs) as hydra:
        checked = check_overrides(hydra.config_loader, rest)
        config = checked.config
        made = make_plan(hydra.config_loader, config, checked.plain, checked.tricks)
        place = _place(hydra.config_loader, config, made)
    parent = find_sweep(*place)
    if parent is None:
        return Known(made.checklist, None)
    return Known(made.checklist, make_report(take_snapshot(open_client(place[0]), parent)))


def plan(words: Sequence[str], config_dirs: Sequence[Path] = ()) -> Planned:
    """Return what `run_checklist` would train; what is trained already is part of it."""
    rest, request = split_request(words)
    with hydra_session(config_dirs) as hydra:
        loader = hydra.config_loader
        checked = check_overrides(loader, rest)
        rules = rules_of(checked.config)
        made = make_plan(loader, checked.config, checked.plain, checked.tricks)
        if request.extends_sweep:
            config = checked.config
            records = known_records(*_place(loader, config, made))
            seeds_of = further_seeds(made, records, request, rules)
            made = make_plan(loader, config, checked.plain, checked.tricks, seeds_of=seeds_of)
    return Planned(made, checked.config)


def _place(loader: ConfigLoader, config: DictConfig, made: Plan) -> tuple[str, str, str]:
    """Return where the sweep of a plan is tracked: MLflow's URI, the experiment, the recipe."""
    uri = default_uri(config.runtime.tracking_uri, out_folder(config))
    baseline = resolve(compose(loader, made.overrides[0]))
    return uri, str(config.runtime.experiment), recipe_identity(baseline, {})


def estimate(words: Sequence[str], config_dirs: Sequence[Path] = ()) -> list[float]:
    """Return about how many seconds each trial of the first seed takes, from measured steps."""
    fork_server.warm_up()
    planned = plan(words, config_dirs)
    with hydra_session(config_dirs) as hydra:
        first = planned.plan.trials[0].seed
        trials = [
            resolve(compose(hydra.config_loader, overrides))
            for trial, overrides in zip(planned.plan.trials, planned.plan.overrides, strict=True)
            if trial.seed == first
        ]
    launcher = planned.config.hydra.launcher
    lease = make_leases(launcher.devices, launcher.trials_per_device, launcher.threads)[0]
    job = fork_server.start(estimate_seconds, trials, env=lease.env, threads=lease.threads)
    seconds: list[float] = job.result()
    job.stop()
    return seconds


def preflight(
    words: Sequence[str], config_dirs: Sequence[Path] = (), *, unless_trained: bool = False
) -> list[Finding]:
    """Return what the checks find in the baseline that `run_checklist` would train.

    Nothing, `unless_trained`, where it has a result already: it was checked before that.
    """
    fork_server.warm_up()
    planned = plan(words, config_dirs)
    with hydra_session(config_dirs) as hydra:
        baseline = compose(hydra.config_loader, planned.plan.overrides[0])
        if unless_trained and is_trained(baseline, planned.plan.trials[0]):
            return []
    return check_baseline(baseline, planned.plan)


def run_checklist(
    words: Sequence[str], view: SweepView, config_dirs: Sequence[Path] = ()
) -> SweepOutcome:
    """Train the checklist's trials that are not trained yet; see `sweeps.sweep`."""
    options = [word for folder in config_dirs for word in ("--config-dir", str(folder))]
    rest, request = split_request(words, options)
    return sweep(rest, request, view, config_dirs)


def sweep(
    words: Sequence[str], request: Request, view: SweepView, config_dirs: Sequence[Path] = ()
) -> SweepOutcome:
    """Run the sweep that `words` configure and `request` asks for."""
    fork_server.warm_up()
    with hydra_session(config_dirs) as hydra, viewed_by(view), asked_for(request):
        checked = check_overrides(hydra.config_loader, words)
        rules_of(checked.config)
        make_plan(hydra.config_loader, checked.config, checked.plain, checked.tricks)
        fields = "[" + ",".join(f"'{word}'" for word in checked.tricks) + "]"
        outcome = hydra.multirun(
            "config", run_trial, [*checked.plain, f"hydra.sweeper.trick_overrides={fields}"]
        )
    assert isinstance(outcome, SweepOutcome)
    return outcome


@contextmanager
def dry_run_overrides(words: Sequence[str]) -> Iterator[list[str]]:
    """Give `words` changed to two steps on tiny data on the CPU, in a folder that goes away.

    The user's data set gives way, and so does what depends on runs there were; all else
    that they set stays.
    """
    plain, _ = split_request(words)
    kept = [w for w in plain if not w.lstrip("+").startswith(("dataset=", "dataset."))]
    with tempfile.TemporaryDirectory(prefix="darkmagic-") as folder:
        yield [
            *kept,
            "dataset=tiny",
            "max_steps=2",
            "floor=0",
            "runtime.device=cpu",
            "hydra.launcher.devices=cpu",
            f"runtime.out='{folder}'",
            f"runtime.cache='{folder}/cache'",
            f"runtime.tracking_uri='sqlite:///{folder}/mlflow.db'",
        ]


def train(
    words: Sequence[str], view: SweepView, config_dirs: Sequence[Path] = (), *, multirun: bool
) -> list[TrialState]:
    """Train one trial, or with `multirun` each combination of the words' choices."""
    fork_server.warm_up()
    with hydra_session(config_dirs) as hydra:
        checked = check_overrides(hydra.config_loader, words, sweep=multirun)
        check_options(
            hydra.config_loader,
            checked.config,
            checked.options,
            [*checked.plain, *checked.tricks],
        )
        observer = TrainObserver(view)
        try:
            with observed_by(observer):
                hydra.multirun(
                    "config", run_trial, [*checked.plain, *checked.tricks, "hydra/sweeper=basic"]
                )
        except (HydraException, OmegaConfBaseException) as error:
            raise UserError(short_message(error)) from error
        finally:
            observer.close()
    return observer.states


def checklists(config_dirs: Sequence[Path] = ()) -> list[Checklist]:
    """Return every checklist that has a file, ours and the user's."""
    with hydra_session(config_dirs) as hydra:
        loader = hydra.config_loader
        names = group_options(loader, "checklist")
        nodes = [compose(loader, [f"checklist={name}"]).checklist for name in names]
        return [checklist_from(loader, node) for node in nodes]


def trick_cards(config_dirs: Sequence[Path] = (), name: str | None = None) -> list[TrickCard]:
    """Return the cards of all tricks, or of the one called `name`."""
    with hydra_session(config_dirs) as hydra:
        loader = hydra.config_loader
        names = [name] if name is not None else trick_names(loader)
        return [trick_card(loader, each) for each in names]
