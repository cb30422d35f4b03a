"""Tuning: which recipes are worth the next runs, by what the runs so far say of all of them.

Recipes as rows of levels and numbers enter with what they brought, or a budget; predictions and the
runs of each stage leave. `sweeps` imports it.
"""
