"""Tricks of a user's own, some of which go wrong, for the tests of a sweep."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from darkmagic.trainers.trick import NotApplicable, Trick


@dataclass(frozen=True)
class Misbehave(Trick):
    """Do what `how` says when the model is edited for training (not when it is looked at)."""

    how: str

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        if self.how == "not_applicable":
            raise NotApplicable("this network has no eyebrows")
        if self.how == "hang_look" and not _training():
            time.sleep(600)
        if self.how == "kill_look" and not _training():
            os.kill(os.getpid(), signal.SIGKILL)
        if os.environ.get("CUDA_VISIBLE_DEVICES") is None or not _training():
            return model
        if self.how == "memory" and "DARKMAGIC_RETRIED" not in os.environ:
            raise torch.OutOfMemoryError("planted")
        if self.how == "raise":
            raise RuntimeError("planted error: no http://me:s3cr3t@host")
        if self.how == "exit":
            os._exit(3)
        if self.how == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        return model

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        if self.how == "hang" and _training():
            time.sleep(600)
        if self.how == "kill_once" and _training():
            log = Path("/proc/self/fd/1").readlink()
            if "DARKMAGIC_RETRIED" not in os.environ and log.with_name("checkpoint.pt").exists():
                os.kill(os.getpid(), signal.SIGKILL)
        loss = nn.functional.cross_entropy(logits, targets)
        if self.how == "diverge":
            return loss * float("nan")
        return loss if self.how in ("inert", "kill_once") else loss * 1.1


def _training() -> bool:
    """Only a trial has a log of its own."""
    return Path("/proc/self/fd/1").readlink().name == "log.txt"


@dataclass(frozen=True)
class Brighten(Trick):
    """A trick of the user's own that works."""

    by: int = 40

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return (images.int() + self.by).clamp(0, 255).to(torch.uint8)
