"""One trial, from its configuration to its result: what a worker process imports.

A resolved configuration enters; the files of the trial's folder leave. Every room of `sweeps` may
import it; it imports `trainers` and nothing of `sweeps` but itself.
"""
