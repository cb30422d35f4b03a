"""Stages of the way from a checklist to a recipe: each a plain function that trains and returns.

A planned sweep or a command's overrides enter with where progress is shown; a result object
leaves, and nothing is printed. `sweeps/api.py` imports them.
"""
