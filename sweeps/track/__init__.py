"""MLflow: what is written to it, and how it is read back.

Trials, events and results enter; runs leave, and a snapshot of them for a report. `orchestrate`
and `commands` import it; it starts no job.
"""
