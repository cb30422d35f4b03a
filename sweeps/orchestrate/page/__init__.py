"""What a report shows of a sweep beside its results: its data, network, settings and runs.

A snapshot of MLflow enters; a `Setup` leaves. `sweeps.orchestrate` imports it.
"""
