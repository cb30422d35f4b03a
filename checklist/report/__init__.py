"""What a report says, and the files that say it.

A `Comparison` with its facts and curves enters; text, pages and pictures leave. `sweeps` and `cli`
import it.
"""
