"""Commands that look for better numbers: `darkmagic tune` and `darkmagic refine`.

Words of the command line enter; what is printed leaves. Only `cli.main` imports it.
"""
