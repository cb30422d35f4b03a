"""What the report's page says and where its marks stand, before any HTML.

A `Report` enters; sentences, figures, and positions in percent leave. `report.writers` and
`report.plots` import it.
"""
