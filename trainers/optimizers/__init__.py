"""Optimizers that torch does not have.

Parameter groups enter; a `torch.optim.Optimizer` leaves. Only `tricks.optimizer` imports it.
"""

from darkmagic.lazy import export_stub

export_stub(__name__)
