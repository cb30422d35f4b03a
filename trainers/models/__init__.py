"""Networks to train, and the tools that edit them.

The number of classes and the form of the images enter; an `nn.Module` leaves, and edits of it.
Tricks and `prepare` import it.
"""

from darkmagic.lazy import export_stub

export_stub(__name__)
