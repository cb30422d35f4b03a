"""Combinations that a screen tells apart: optimizers with the rate, and suspected pairs.

A fit of a screen enters; effects of options, of pairs, and the recipe that is predicted to be best
leave. `designs`, `compare` and `report` import it.
"""
