"""Views of recipes: what was tuned, what an optimisation found, and what each part adds.

Results of `sweeps.api` enter; what Rich prints leaves. `cli.commands` imports it.
"""
