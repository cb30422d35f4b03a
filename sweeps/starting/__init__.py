"""What a repository holds that could be compared, and the few lines that say so.

A folder enters; the data and scripts in it, YAML and the next command leave. `api` imports it for
`darkmagic init`. Nothing of the repository is imported or run.
"""
