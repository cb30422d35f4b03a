"""Image files in folders, read as a viewer shows them.

A folder enters; which of its folders are splits, its files and their pixels leave. `data.folder`
imports it, and what says before training how files were read.
"""
