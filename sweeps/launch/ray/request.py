"""What is asked of Ray, declared once: Hydra's plugin reads its fields as configuration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from darkmagic.checklist.errors import UserError

__all__ = ["RayRequest"]


@dataclass
class RayRequest:
    """What is asked of Ray for each trial, as `hydra/launcher=ray` has it.

    `address`: of a cluster, such as auto; null is RAY_ADDRESS, or else a cluster of the command's
    own on this machine. `gpus_per_trial`: 0.5 for two trials a GPU, 2 for one on two. `resources`:
    of your nodes, as {a100: 1}. `threads`: of each trial, as many as its CPUs if null. `retries`,
    `stall_seconds`: as the local launcher has them.
    """

    address: str | None = None
    gpus_per_trial: float = 0
    cpus_per_trial: float = 1
    resources: dict[str, float] = field(default_factory=dict)
    threads: int | None = None
    retries: int = 1
    stall_seconds: Any = "auto"

    def check(self) -> None:
        """Raise `UserError` for numbers that cannot be."""
        gpus = self.gpus_per_trial
        if gpus < 0 or (gpus > 1 and gpus != int(gpus)):
            raise UserError(
                f"hydra.launcher.gpus_per_trial={gpus}: need a part of a GPU, such as 0.5, or a "
                "whole number"
            )
        if self.cpus_per_trial < 0:
            raise UserError(f"hydra.launcher.cpus_per_trial={self.cpus_per_trial}: need 0 or more")
