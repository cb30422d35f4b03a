"""The tricks, one file each: a card, a pure function and a small class of hooks.

Public are the functions and classes that the tricks' modules list in `__all__`:
`python tests/trainers/trick_exports.py` writes them to `__init__.pyi`. A batch, a network or a
loss enters a hook and leaves changed. Only configurations import tricks, by name.
"""

from darkmagic.lazy import export_stub

export_stub(__name__)
