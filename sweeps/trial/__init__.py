"""One resolved configuration in, one result file out: what a worker process imports.

It imports `trainers` and nothing of `sweeps` but itself; every room of `sweeps` may import it.
"""
