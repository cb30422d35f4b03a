"""The domain: checklists, plans, records and comparisons, as pure functions over dataclasses.

A checklist and the records of its trials enter; a comparison with verdicts and its report leave.
`sweeps` and `cli` import it. Its public names are those of `__init__.pyi`.
"""

from darkmagic.lazy import export_stub

export_stub(__name__)
