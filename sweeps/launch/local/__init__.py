"""Jobs in processes of this machine, forked from one that has torch imported.

Calls and leases enter; values, errors and exit codes leave. The Hydra launcher imports it,
and so does every command that runs a function in a child.
"""
