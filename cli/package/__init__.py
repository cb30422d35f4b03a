"""Which training tricks would help your model? Checklist testing of deep-learning recipes.

`import darkmagic as dm` has what a notebook or a script needs: `dm.checklist(...)` is a study of
tricks, `dm.judge(...)` gives verdicts on runs that were made elsewhere, `dm.tricks` and
`dm.schedules` are the tricks as plain functions, and `dm.Recipe` takes them into a training loop of
your own. Its public names are those of `__init__.pyi`, each imported when it is asked for. The rest
is in four packages: `darkmagic.checklist` (checklists, their trials and the comparison),
`darkmagic.trainers` (one recipe trained), `darkmagic.sweeps` (many trials, and their report) and
`darkmagic.cli` (the command `darkmagic`).
"""

from __future__ import annotations

from darkmagic.lazy import export_stub

export_stub(__name__)
