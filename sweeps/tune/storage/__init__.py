"""A study of Optuna's as it is kept in its file.

Recipes and results enter; what to train next leaves, or a line that names a file that cannot be
used. `tune` imports it.
"""
