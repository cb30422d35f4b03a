"""Commands for what is a user's own: `darkmagic init`, from a repository to the first command.

Words of the command line enter; what is printed leaves. Only `cli.main` imports it.
"""
