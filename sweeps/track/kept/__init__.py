"""What MLflow answered, kept beside its store for as long as the store stays as it is.

The URI of a store and the name of an experiment enter; a snapshot leaves, the same that MLflow
would give, without the seconds that importing MLflow takes. `sweeps/orchestrate/` imports it.
"""
