"""Our own loop as a training script: composes the recipe that its words name, and trains it."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.sweeps.trial.run import make_recipe
from darkmagic.trainers.train import train

parser = argparse.ArgumentParser()
parser.add_argument("--seed", required=True)
parser.add_argument("--out", type=Path, required=True)
parser.add_argument("overrides", nargs="*")
args = parser.parse_intermixed_args()
torch.set_num_threads(1)
with hydra_session() as hydra:
    config = compose(hydra.config_loader, [*args.overrides, f"seed={args.seed}"])
result = train(make_recipe(resolve(config)), args.out)
print(f"METRIC accuracy={result.val_accuracy!r}")
