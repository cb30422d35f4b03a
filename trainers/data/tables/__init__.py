"""Labels from tables: CSV, Parquet and JSON. Imports no torch, so that a command may look too.

A file enters; its rows, which column is what, and the labels of each image leave. `data.table`
imports it, and what looks at a repository for its data.
"""
