"""Pages over HTTP, for this machine alone.

Requests enter; the report's page, how far its sweep is, and the list of experiments leave.
`cli.commands` imports it.
"""
