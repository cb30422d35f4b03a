"""From splits to a whole `Data`: its statistics, and whether a trial can be trained on it.

Three splits enter; the data set with means, counts and sizes leaves, or the line that says what
it lacks. Data sets import it, and whoever is given one of somebody else's.
"""
