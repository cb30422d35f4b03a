"""From the command line to a plan.

The words of the command line enter; checked overrides, a configuration and the plan of its trials
leave. `orchestrate` and `commands` import it.
"""
