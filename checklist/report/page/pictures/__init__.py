"""Where the marks of the page's pictures stand: positions in percent, and ticks.

A `Report` enters; positions leave. `report.page`, `report.plots` and the writers import it.
"""
