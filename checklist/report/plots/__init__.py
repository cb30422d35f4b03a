"""The report's pictures.

A `Report` enters; SVG leaves. `report.write` and the writers import it, inside functions: it
imports matplotlib.
"""
