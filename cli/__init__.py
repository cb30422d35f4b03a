"""The command line: arguments in, tables and progress out.

The words of a command enter; what it prints and its exit code leave. Only the `darkmagic` script
imports it.
"""
