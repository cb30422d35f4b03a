"""Tables of runs, and what their columns mean.

A table as its source gives it and a question enter; columns by what they are, and numbers, leave.
`checklist.judging` imports it, and `sweeps.sources`, which makes tables.
"""
