"""A study: one checklist on one model and one data set, as an object for scripts and notebooks.

Python objects, or the command line's words, enter; a `Study` leaves, which plans, trains and shows
itself. Scripts import it through `darkmagic`, and the command line's `run` and `plan` use it too.
"""
