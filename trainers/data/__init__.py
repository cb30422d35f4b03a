"""Data sets, their three splits, and the batches of an epoch."""
