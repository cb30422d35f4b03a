"""What the fork server imports before it forks. Nothing here may start CUDA or a thread pool."""

import torch._dynamo  # torch's optimizers import it when the first is made: 6 s a trial
import torch.utils.flop_counter

import darkmagic.sweeps.worker
import darkmagic.trainers.fingerprint  # noqa: F401
