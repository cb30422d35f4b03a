"""Commands for sweeps on more than one machine.

Their options enter; what the workers do, and how a sweep stands, leaves as lines and tables.
`cli.main` and `cli.commands.checklist` import it.
"""
