"""Data sets, their three splits, and the batches of an epoch.

The name of a data set or the user's folder enters; uint8 images and labels by split leave. Every
room of `trainers` may import it.
"""

from darkmagic.lazy import export_stub

export_stub(__name__)
