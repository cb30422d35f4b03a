"""The version of the installed distribution: reading it takes 20 ms, so it waits here.

`pyproject.toml` is the one place that it is written in.
"""

from importlib.metadata import version

from darkmagic.distribution import DISTRIBUTION

__all__ = ["__version__"]

__version__ = version(DISTRIBUTION)
"""The installed version, such as "0.1.0"."""
