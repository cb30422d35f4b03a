"""What to do with a comparison: what to adopt, to drop, and to run next.

A comparison and the overrides of its sweep enter; picks, sentences and commands that can be pasted
leave. `report.content`, the page and the terminal import it.
"""
