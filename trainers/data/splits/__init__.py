"""Which images are in which split: by class, by fold, or some of them.

A split and a seed enter; smaller splits, or the images of some places, leave. Data sets, checks
before training and what shows images import it.
"""
