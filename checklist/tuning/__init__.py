"""Tuning: which recipes are worth the next runs, by what the runs so far say of all of them.

Recipes as rows of levels and numbers enter with what they brought; predictions, draws and the
options that survive leave. `sweeps` imports it.
"""
