"""One file a command of the command line.

Overrides enter; what the command shows leaves. Only `sweeps.api` and `cli` import it.
"""
