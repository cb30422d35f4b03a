"""A step that several processes take together, each on its share of the batch.

A trial and its step enter; a step of the whole batch leaves. `trainers.step.select` imports it.
"""
