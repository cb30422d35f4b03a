"""Imports of the fork server of trials that are commands, which need no torch."""

import gc

gc.disable()  # as `preload` does, and for its reasons

from hydra.core.plugins import Plugins  # noqa: E402

import darkmagic.sweeps.trial.command.run  # noqa: E402
import darkmagic.sweeps.trial.task  # noqa: E402, F401

Plugins.instance()
gc.freeze()
gc.enable()
