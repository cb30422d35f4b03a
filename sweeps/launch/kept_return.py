"""How a job ended, in a form of which thousands can be kept."""

from __future__ import annotations

from hydra.core.utils import JobReturn
from omegaconf import DictConfig

from darkmagic.sweeps.packed import pack, unpack

__all__ = ["KeptReturn"]


class KeptReturn(JobReturn):
    """A `JobReturn` whose two configurations are packed, as Hydra's sweepers keep all returns.

    They were 160 KB of each trial that had ended.
    """

    @classmethod
    def of(cls, job: JobReturn) -> KeptReturn:
        """Return what `job` says."""
        return cls(
            overrides=job.overrides,
            cfg=job.cfg,
            hydra_cfg=job.hydra_cfg,
            working_dir=job.working_dir,
            task_name=job.task_name,
            status=job.status,
            _return_value=job._return_value,  # noqa: SLF001 (`return_value` raises a failure)
        )

    @property
    def cfg(self) -> DictConfig | None:
        """The job's configuration, without Hydra's node."""
        return None if self._cfg is None else unpack(self._cfg)

    @cfg.setter
    def cfg(self, config: DictConfig | None) -> None:
        self._cfg = None if config is None else pack(config)

    @property
    def hydra_cfg(self) -> DictConfig | None:
        """The configuration with Hydra's node."""
        return None if self._hydra_cfg is None else unpack(self._hydra_cfg)

    @hydra_cfg.setter
    def hydra_cfg(self, config: DictConfig | None) -> None:
        self._hydra_cfg = None if config is None else pack(config)
