"""Watches of a sweep under way: what ended trials left, which are hopeless, how much room there is.

Folders of trials enter; results, reasons to end one, and warnings leave. `orchestrate` and `tune`
import it.
"""
