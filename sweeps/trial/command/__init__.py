"""A trial whose trainer is a command of the user's.

The `trainer` node of a resolved configuration enters; a `Command` and its result leave. Every room
of `sweeps` may import it; it imports no torch.
"""
