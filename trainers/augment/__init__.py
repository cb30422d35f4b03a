"""Augmentations of whole uint8 batches, each sample with its own draw."""
