"""Screens: what can be mixed here, and the trials that mix it.

A planner with the records of a sweep enters; a plan with its limits leaves. `orchestrate` and
`commands` import it.
"""
