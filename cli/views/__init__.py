"""What commands print: tables, notes and the progress of a sweep.

Reports, plans, findings and events enter; what Rich renders leaves. Only `cli.commands` imports it.
"""
