"""Verdicts on runs that somebody else made, from a table of them.

A table of runs and what is asked of it enter; a `Judgement` with its report leaves. `sweeps`, which
reads the tables from files and stores, and `cli` import it.
"""
