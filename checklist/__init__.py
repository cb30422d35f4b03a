"""The domain: checklists, plans, records and comparisons, as pure functions over dataclasses."""
