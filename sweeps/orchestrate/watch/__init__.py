"""Watches of a sweep under way: which trials are hopeless, and how much room the disk has.

Folders of trials enter; reasons to end one, and warnings, leave. `orchestrate` imports it.
"""
