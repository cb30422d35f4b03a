"""A trial in MLflow: the same names for writing and for reading back.

A trial's place, events and results enter; tags and metrics leave, and from them a record again.
The tracker, `kept/`, the sinks and `sweeps/orchestrate/` import it.
"""
