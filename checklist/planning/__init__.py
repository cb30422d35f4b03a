"""What runs buy: before a sweep, and after it for the rows that are left undecided.

Numbers of trials and seeds, or a `Comparison`, enter; effects that can be found, and seeds with
what they promise, leave. The report, `sweeps` and `cli` import it.
"""
