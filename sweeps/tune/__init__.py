"""Tuning by Optuna: which recipe is tried next, in a study of its own beside MLflow.

A plan's baseline and what the experiment knows enter; trials and a study leave. `commands` and the
Hydra sweeper import it.
"""
