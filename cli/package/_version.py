"""The version of the installed distribution: reading it takes 20 ms, so it waits here."""

from importlib.metadata import version

__all__ = ["__version__"]

__version__ = version("darkmagic")
"""The installed version, such as "0.1.0"."""
