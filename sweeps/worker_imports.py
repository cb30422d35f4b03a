"""What the fork server imports before it forks. Nothing here may start CUDA or a thread pool."""

import darkmagic.sweeps.worker
import darkmagic.trainers.fingerprint  # noqa: F401
