"""One file a command of the command line.

Overrides enter; plans, results and findings leave. Only `sweeps.api` imports it.
"""
