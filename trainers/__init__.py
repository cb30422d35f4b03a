"""One recipe in, one result out. Needs torch, and torchvision where a data set or model does.

A `Recipe` enters; a `Result` and the files of a trial's folder leave. `sweeps.trial` imports it.
Its public names are those of `__init__.pyi`.
"""

from darkmagic.lazy import export_stub

export_stub(__name__)
