"""The space of a study: options as categories, and the numbers that they declare.

Options' files and what was surveyed of them enter; recipes and their parameters leave. `tune`
imports it.
"""
