"""Designs: which options each run of a sweep mixes, and what such runs say of each option.

A checklist and a number of runs enter, and trials leave; or records, and effects with their
diagnoses. `compare`, `planning`, `report` and `sweeps` import it.
"""
