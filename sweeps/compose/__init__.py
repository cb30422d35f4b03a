"""From the command line to a plan.

The overrides of the command line enter; a configuration and the plan of its trials leave.
`launch`, `track`, `orchestrate` and `commands` import it.
"""
