"""Tar shards, as WebDataset writes them: samples of an image and its label.

A pattern of shards enters; where each image lies in them, and its labels, leave. A shard is read
through once, and then known by an index. `data.webdataset` imports it.
"""
