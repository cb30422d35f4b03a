"""The device, the memory and the random draws of this process.

Names and seeds enter; devices, formats and generators leave. Every room of `trainers` may import
it.
"""
