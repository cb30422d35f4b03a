"""Tables of runs from where people keep them: files, MLflow, Optuna, TensorBoard, pandas.

The name of a source enters; a `RunTable` leaves. `sweeps.commands` imports it. Each reader imports
the package that it needs when it reads.
"""
