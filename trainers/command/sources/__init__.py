"""Where a script's metrics are: its lines, its files, its trackers' own records.

Lines and files enter; values by name and step leave. `trainers.command` imports it, and
`sweeps.trial` for the sources that need MLflow.
"""
