"""From the records of trials to the verdict on each.

A checklist and the records of its trials enter; a `Comparison` of rows with verdicts leaves. The
report and `sweeps` import it.
"""
