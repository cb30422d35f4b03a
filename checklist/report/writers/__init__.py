"""One file a format of the report.

A `Report` enters; the text of one file leaves. Only `report.write` imports it.
"""
