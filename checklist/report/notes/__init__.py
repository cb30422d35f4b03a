"""What a reader needs to know to read the table rightly.

A comparison enters; sentences leave, most important first. `report.content` and the terminal
import it.
"""
