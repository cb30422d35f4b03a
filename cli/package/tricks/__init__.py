"""The tricks as plain functions, for a training loop of your own.

A network, a batch, a loss's arguments or gradients enter; the same leave, changed by the code of
the trick's hook, with the trick's ranges and defaults. Scripts import it, as `darkmagic.tricks`.
"""

from darkmagic.lazy import export_stub

export_stub(__name__)
