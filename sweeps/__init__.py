"""Many trials: configuration, Hydra plugins, trial directories and MLflow.

Overrides, as on the command line, enter; trained trials, MLflow's runs and reports leave. `cli`
imports it through `sweeps.api`. Its public names are those of `__init__.pyi`.
"""

from darkmagic.lazy import export_stub

export_stub(__name__)
