"""Tabular: the error of a regression on a generated table. numpy alone.

darkmagic compare --metric rmse --change "wide=--features 200" --change "ridge=--ridge 10"
    -- python tabular.py --seed {seed} --out {directory}/result.json
"""

import argparse
import json
import pathlib

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument(
    "--features", type=int, default=50, help="random ones that the columns are mapped to"
)
parser.add_argument("--ridge", type=float, default=1.0)
parser.add_argument("--out", default="result.json")
args = parser.parse_args()


def make_table(rng: np.random.Generator, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a table of eight columns, and what depends on five of them."""
    table = rng.random((rows, 8))
    a, b, c, d, e = table[:, :5].T
    return table, 10 * np.sin(np.pi * a * b) + 20 * (c - 0.5) ** 2 + 10 * d + 5 * e + rng.normal(
        0, 1, rows
    )


rng = np.random.default_rng(args.seed)
train, target = make_table(rng, 500)
val, val_target = make_table(np.random.default_rng(12345), 1000)
directions, shifts = (
    rng.normal(0, 1.5, (8, args.features)),
    rng.uniform(0, 2 * np.pi, args.features),
)
inputs, val_inputs = (np.cos((x - 0.5) @ directions + shifts) for x in (train, val))
square = inputs.T @ inputs + args.ridge * np.eye(args.features)
weights = np.linalg.solve(square, inputs.T @ (target - target.mean()))
error = val_inputs @ weights + target.mean() - val_target
pathlib.Path(args.out).write_text(json.dumps({"rmse": round(float(np.sqrt((error**2).mean())), 4)}))
