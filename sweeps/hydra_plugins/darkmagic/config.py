"""The plugins' configuration: `hydra/sweeper=checklist` and `=darkmagic_optuna`, and
`hydra/launcher=local`, `=worker`, `=slurm`, `=ray`.
"""

# No `from __future__ import annotations`: Hydra's scan runs this module before it is in
# sys.modules, where dataclasses look up annotations that are strings.
from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore

from darkmagic.sweeps.launch.ray.request import RayRequest
from darkmagic.sweeps.launch.slurm.request import SlurmRequest

__all__ = [
    "ChecklistSweeperConf",
    "LocalLauncherConf",
    "OptunaSweeperConf",
    "RayLauncherConf",
    "SlurmLauncherConf",
    "WorkerLauncherConf",
]


@dataclass
class ChecklistSweeperConf:
    """The sweeper takes its plan from the application's `checklist` node. `trick_overrides`,
    such as `tricks.mixup.alpha=1`, go to the trials whose option has the field.
    """

    _target_: str = "hydra_plugins.darkmagic.checklist_sweeper.ChecklistSweeper"
    trick_overrides: list[str] = field(default_factory=list)


@dataclass
class OptunaSweeperConf:
    """Of any application. `sampler`: tpe, gp, cma or random. `direction`: minimize, maximize, or a
    list of them. `n_trials`: in all, those of the study in `storage` (such as sqlite:///study.db)
    counted in. `n_jobs`: at a time, by a launcher other than ours. `params`: what is swept, beside
    the overrides of the command line, as {lr: "tag(log, interval(0.001, 0.1))"}.
    """

    _target_: str = "hydra_plugins.darkmagic.optuna_sweeper.OptunaSweeper"
    sampler: str = "tpe"
    direction: Any = "minimize"
    n_trials: int = 20
    n_jobs: int = 1
    storage: str | None = None
    study_name: str | None = None
    seed: int | None = None
    params: dict[str, Any] = field(default_factory=dict)


@dataclass
class LocalLauncherConf:
    """`devices`: auto, cpu, or a list of GPU indices. `trials_per_device`: a number; null for one
    a GPU and one a core of a CPU; or auto, the same on a CPU, which measures how many pay on a GPU.
    `gpus_per_trial`: of one that is larger than a GPU, which a process of each trains together.
    `threads`: of each trial, its share of the cores if null. `retries`: how often a trial whose
    process died is trained again, from its checkpoint. `stall_seconds`: without progress, after
    which a trial is ended; auto goes by its own pace, null waits for ever.
    """

    _target_: str = "hydra_plugins.darkmagic.local_launcher.LocalLauncher"
    devices: Any = "auto"
    trials_per_device: Any = "auto"
    gpus_per_trial: int = 1
    threads: int | None = None
    retries: int = 1
    stall_seconds: Any = "auto"


@dataclass
class WorkerLauncherConf:
    """Trials are taken by `darkmagic worker --out FOLDER`, on any machine that shares the folder.
    `lease_seconds`: after which a trial whose worker gives no sign of life is another's to take.
    """

    _target_: str = "hydra_plugins.darkmagic.worker_launcher.WorkerLauncher"
    lease_seconds: float = 60.0


@dataclass
class SlurmLauncherConf(SlurmRequest):
    """Trials are run by tasks of Slurm's job arrays, which share the sweep's folder and no more.

    What is asked for them: see `SlurmRequest`. `lease_seconds`: as the worker's.
    """

    _target_: str = "hydra_plugins.darkmagic.slurm_launcher.SlurmLauncher"
    lease_seconds: float = 60.0


@dataclass
class RayLauncherConf(RayRequest):
    """Trials are run by tasks of a Ray cluster: see `RayRequest`.

    `lease_seconds`: as the worker's.
    """

    _target_: str = "hydra_plugins.darkmagic.ray_launcher.RayLauncher"
    lease_seconds: float = 60.0


ConfigStore.instance().store(
    group="hydra/sweeper", name="checklist", node=ChecklistSweeperConf, provider="darkmagic"
)
ConfigStore.instance().store(
    group="hydra/sweeper", name="darkmagic_optuna", node=OptunaSweeperConf, provider="darkmagic"
)
ConfigStore.instance().store(
    group="hydra/launcher", name="local", node=LocalLauncherConf, provider="darkmagic"
)
ConfigStore.instance().store(
    group="hydra/launcher", name="worker", node=WorkerLauncherConf, provider="darkmagic"
)
ConfigStore.instance().store(
    group="hydra/launcher", name="slurm", node=SlurmLauncherConf, provider="darkmagic"
)
ConfigStore.instance().store(
    group="hydra/launcher", name="ray", node=RayLauncherConf, provider="darkmagic"
)
