"""Sweeps of a training command: its checklist, and the overrides of its trials.

A configuration with a `trainer` node enters; a plan leaves. `commands` and `orchestrate` import it.
"""
