"""From a recipe to all that training needs.

A `Recipe` enters; data, network, optimizer and batches leave, as a `Trial`. `step`, `train` and
whoever looks at a trial without training it import it.
"""
