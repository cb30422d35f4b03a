"""Each thing that is checked before a plan is made: choices, keys, values, options.

Parsed overrides and what they compose to enter; nothing leaves but a `UserError`, a line about the
first mistake. `compose.overrides`, `plan` and `groups` import it, and it imports no torch.
"""
