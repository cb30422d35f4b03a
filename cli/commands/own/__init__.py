"""Commands about what is yours: a script, runs that exist, a repository.

Words of the command line enter; what is printed leaves. Only `cli.main` imports it.
"""
