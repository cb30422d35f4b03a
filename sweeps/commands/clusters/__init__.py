"""Sweeps on more than one machine, as their files show them.

The folder of a sweep enters; its trials are run, told of or given up, and how they stand leaves.
`sweeps.api` imports it.
"""
