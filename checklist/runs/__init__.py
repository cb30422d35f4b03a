"""Runs that ended and yet say nothing of what their recipe can do.

Records of runs, or accuracies of a row, enter; records that count as failed, and what a row does
apart from the runs in which it collapsed, leave. `checklist.compare` and the report import it.
"""
