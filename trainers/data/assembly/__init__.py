"""From labels or splits to a whole `Data`: its statistics, and whether a trial can train on it.

Labels of images, or three splits, enter; the data set with means, counts and sizes leaves, or the
line that says what it lacks. The fields that image data sets share, and what
is told of what lies beside images, are here too. Data sets import
it, and whoever is given one of somebody else's.
"""
