"""What a comparison reads: one record for each trained trial, independent of the store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import trial_name

if TYPE_CHECKING:  # names of trials are needed where no figure is
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ENDED", "STOPPED", "Costs", "Status", "TrialRecord"]


class Status(StrEnum):
    """The state of a trial.

    >>> Status("diverged") in ENDED, Status.RUNNING in ENDED
    (True, False)
    """

    FINISHED = "finished"
    DIVERGED = "diverged"  # a non-finite loss
    FAILED = "failed"  # an error, with the reason
    SKIPPED = "skipped"  # something it needs is not available, with the reason
    NOT_APPLICABLE = "not_applicable"  # the trick finds nothing to work on in this model
    STOPPED = "stopped"  # it was hopeless beside the baseline, with the reason
    INERT = "inert"  # it changes nothing against the baseline
    PRUNED = "pruned"  # of a study: ended early, as it was far behind others
    RUNNING = "running"
    PENDING = "pending"


STOPPED = "stopped as hopeless: "
"""Before the reason that a trial which is hopeless is ended with."""
ENDED = frozenset(Status) - {Status.RUNNING, Status.PENDING}
"""The states of trials that have ended."""


@dataclass(frozen=True)
class Costs:
    """What a trial cost; None where it was not measured.

    >>> Costs(step_seconds=0.02, parameters=270_000).flops is None
    True
    """

    step_seconds: float | None = None  # median over epochs after the first
    wall_seconds: float | None = None  # from the first step's set-up to the result
    peak_memory_bytes: float | None = None
    parameters: int | None = None
    flops: float | None = None  # a forward pass of one image


@dataclass(frozen=True)
class TrialRecord:
    """One trial of one seed. `look` counts the times that seeds were added after a look at the
    verdicts, from 1; `correct` (N,) is which validation images were right.

    >>> TrialRecord("mixup", "on", "regularisation", 0, Status.FINISHED, accuracy=0.91).name
    'mixup=on'
    """

    trick: str | None  # None for the baseline
    option: str | None
    section: str
    seed: int
    status: Status
    reason: str = ""
    accuracy: float | None = None  # validation accuracy after the last epoch, in [0, 1]
    costs: Costs = field(default_factory=Costs)
    pretrained_share: float | None = None  # share of pretrained tensors in use, in [0, 1]
    run_id: str = ""
    look: int = 1
    classes: int | None = None
    commonest: float | None = None  # share of the commonest class in the validation set
    images: int | None = None  # in the validation set
    epochs: int | None = None  # trained
    training_notes: tuple[str, ...] = ()  # what its losses show about its training
    test_accuracy: float | None = None  # in [0, 1]; only where the test set was asked for
    stepping: str = ""  # how its steps were taken, and why: "graph: ...", "eager: ..."
    edits: Mapping[str, str] = field(default_factory=dict)  # by trick: "3 of 4 places", or why none
    choices: Mapping[str, str] = field(default_factory=dict)  # by trick, of a screen's trial
    rates: Mapping[str, float] = field(default_factory=dict)  # factors that were picked for it
    correct: NDArray[np.bool_] | None = field(default=None, compare=False, repr=False)
    value: float | None = None  # of the metric that decides, where that is not accuracy
    stands_in: bool = False  # its value is made from a mean and a spread, and is of no run
    test_value: float | None = None  # its value on the test set
    others: Mapping[Metric, float] = field(default_factory=dict)  # that do not decide, unscaled

    @property
    def name(self) -> str:
        """`baseline`, `trick=option` or `screen-07`: shared by the trial's seeds."""
        return trial_name(self.trick, self.option)

    def result(self, metric: Metric) -> float | None:
        """Return what decides, in the unit of `metric`; None for a run without a result."""
        found = self.accuracy if metric.is_accuracy else self.value
        finished = self.status is Status.FINISHED and found is not None
        return metric.scale * found if finished and found is not None else None

    def test_result(self, metric: Metric) -> float | None:
        """Return what decides on the test set, in the unit of `metric`; None where it was left."""
        found = self.test_accuracy if metric.is_accuracy else self.test_value
        return None if found is None else metric.scale * found
