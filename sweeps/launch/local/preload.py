"""What the fork server imports before it forks. Nothing here may start CUDA or a thread pool.

`worker_start` comes before it, and keeps the garbage collector from walking all this.
`torch._dynamo` is what torch's optimizers import at their first step: two seconds in every child.
"""

import atexit
import gc

import torch._dynamo  # noqa: F401
from hydra.core.plugins import Plugins

import darkmagic.sweeps.trial.run
import darkmagic.trainers.fingerprint  # noqa: F401

Plugins.instance()  # its scan takes longer than the rest of a child's start
gc.freeze()  # children neither walk nor copy what was imported
gc.enable()
atexit.register(gc.unfreeze)  # or triton's bindings report what was not collected as leaked
