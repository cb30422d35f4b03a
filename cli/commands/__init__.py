"""One file a command: its arguments, what it calls and what it prints.

Typed words enter; printed text and an exit code leave. Only `cli.main` imports it.
"""
