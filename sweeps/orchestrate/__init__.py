"""One sweep in motion, from its plan to its report.

A composed configuration enters; trained trials, MLflow's runs and a report leave. `commands` and
the Hydra sweeper import it.
"""
