"""Images as a viewer shows them: of files in folders, and of objects that a data set hands over.

A folder or an image enters; which of its folders are splits, its files and their pixels leave. The
data sets import it, and what says before training how files were read.
"""
