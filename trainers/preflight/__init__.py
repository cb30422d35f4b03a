"""Checks to make before a GPU is spent: each is a function from a set-up to findings.

A `Recipe` enters; findings leave, none of which raises. `sweeps.commands` imports it.
"""

from darkmagic.lazy import export_stub

export_stub(__name__)
