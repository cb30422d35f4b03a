"""The tricks, one file each: a card, a pure function and a small class of hooks."""
