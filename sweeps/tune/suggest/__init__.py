"""How a study chooses what to try next.

The trials of a study enter; samplers and proposals leave. `tune` imports it.
"""
