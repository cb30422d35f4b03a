"""One training step, and the ways to take it.

A prepared trial enters; a function of a batch leaves, that updates the network and returns the
loss. `train` and the measurements of speed import it.
"""
