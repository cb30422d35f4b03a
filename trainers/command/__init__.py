"""A user's own training script as the trainer.

A command with its placeholders, and a folder, enter; `events.jsonl`, `log.txt` and what
`result.json` is to say leave. `sweeps.trial` imports it; it imports no torch.
"""
