"""What the fork server imports before it forks. Nothing here may start CUDA or a thread pool."""

import gc

from hydra.core.plugins import Plugins

import darkmagic.sweeps.worker
import darkmagic.trainers.fingerprint  # noqa: F401

Plugins.instance()  # its scan takes longer than the rest of a child's start
gc.collect()
gc.freeze()  # children neither walk nor copy what was imported
