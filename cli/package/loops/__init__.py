"""A recipe's tricks in a training loop of your own: plain torch, Lightning, transformers.

A recipe, as a file or as tricks, and a network enter; a `Loop` leaves, which calls the tricks'
hooks at their places of a step. Scripts import it: `darkmagic.Recipe`, and a module a framework.
"""
