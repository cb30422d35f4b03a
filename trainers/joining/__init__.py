"""What the tricks of one trial come to together.

Tricks enter; why they exclude each other, and the one loss that is trained on, leave. `hooks`
imports it.
"""
