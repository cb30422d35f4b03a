"""early_stopping: end training when validation no longer improves.

What: ends training once the validation loss has not been lower than its best so far for
`patience` epochs. The network of the epoch that training ends with is the one that is
evaluated, not the one of the best epoch: a choice among epochs by the very split that judges
would flatter this trial beside the others.
Why: a network that has begun to overfit only gets worse; and what is not trained costs nothing.
When it helps: a constant or slowly falling rate, and more epochs than the data can bear. It
saves time more often than it gains accuracy.
Conflicts: schedules are functions of the whole training as planned. Under one that anneals to
0 at the end (cosine, one cycle) the best epochs are the last, and stopping loses them; cycles
raise the loss at every restart, which a small `patience` takes for the end.
Source: Prechelt 1998, "Early Stopping - But When?", criterion UP; Bengio 2012 (arXiv
1206.5533), section 3.3.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darkmagic.trainers.fields import whole
from darkmagic.trainers.trick import Trick

__all__ = ["EarlyStopping", "has_stalled"]


def has_stalled(losses: Sequence[float], patience: int) -> bool:
    """Whether the last `patience` of `losses`, one an epoch, are no lower than the best before.

    Depends on the losses alone, so that a resumed training agrees.

    >>> has_stalled([0.9, 0.6, 0.61, 0.6], patience=2), has_stalled([0.9, 0.6, 0.5], patience=2)
    (True, False)
    """
    if len(losses) <= patience:
        return False
    return min(losses[-patience:]) >= min(losses[:-patience])


@dataclass(frozen=True)
class EarlyStopping(Trick):
    """Stop after `patience` epochs without a lower validation loss.

    >>> losses = [0.9, 0.6, 0.61, 0.6]
    >>> EarlyStopping(patience=2).should_stop([{"val_loss": loss} for loss in losses])
    True
    """

    patience: int = whole(5, at_least=1)

    def should_stop(self, history: Sequence[Mapping[str, Any]]) -> bool:
        return has_stalled([event["val_loss"] for event in history], self.patience)
