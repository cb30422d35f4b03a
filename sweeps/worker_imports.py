"""What the fork server imports before it forks. Nothing here may start CUDA or a thread pool."""

import sklearn.utils  # noqa: F401 (digits' loader imports most of it)

import darkmagic.sweeps.worker  # noqa: F401
import darkmagic.trainers.fingerprint
import darkmagic.trainers.train  # noqa: F401
