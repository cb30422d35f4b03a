"""Recipes taken apart: which of their parts carry the gain, and what each adds to those before.

A checklist, a recipe and records enter, and trials or what each part does leave. `sweeps` and
`cli` import it.
"""
