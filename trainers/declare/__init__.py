"""What a declared field may hold: its kind, its range, and rules between fields.

Values, from Python or from a configuration, enter; a line about what is wrong with one leaves, if
something is. `trainers.fields` imports it, and `sweeps` to check what is composed.
"""
