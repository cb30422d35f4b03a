"""Runs that were made elsewhere: tables of them from where people keep them, and the verdicts.

The name of a source, a DataFrame too, and a question enter; a `Judgement` leaves. `cli` imports it.
Each reader imports the package that it needs when it reads.
"""
