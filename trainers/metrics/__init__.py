"""Metrics that a trial can be judged by, of one label an image or of several.

A metric's name, logits and true labels enter; one number leaves. `recipe` imports the names, and
what evaluates a network the rest. torchmetrics is imported by the metrics that need it alone.
"""
