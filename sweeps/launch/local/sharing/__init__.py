"""How many trials share a device.

A trial and a device enter; leases leave, as many as were measured to pay. The local launcher
imports it.
"""
