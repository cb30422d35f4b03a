"""Checks to make before a GPU is spent: each is a function from a set-up to findings."""
