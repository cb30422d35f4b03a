"""Commands that look for better numbers: `darkmagic tune` and `darkmagic refine`.

Overrides enter; a plan of a study, its outcome and what confirmed it leave. Only `sweeps.api`
imports it.
"""
