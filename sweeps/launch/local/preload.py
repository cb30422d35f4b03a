"""Imports of the fork server before it forks. Nothing here may start CUDA or a thread pool.

The garbage collector is off while this is imported, and then frozen: Python's own
advice for processes that fork (https://docs.python.org/3/library/gc.html#gc.freeze).
`torch._dynamo` is what torch's optimizers import at their first step: two seconds in every child.
"""

import atexit
import gc

gc.disable()  # before the imports, which it would walk again and again

import torch._dynamo  # noqa: E402, F401
from hydra.core.plugins import Plugins  # noqa: E402

import darkmagic.sweeps.trial.run  # noqa: E402
import darkmagic.trainers.fingerprint  # noqa: E402, F401

Plugins.instance()  # its scan takes longer than the rest of a child's start
gc.freeze()  # children neither walk nor copy what was imported
gc.enable()
atexit.register(gc.unfreeze)  # or triton's bindings report what was not collected as leaked
