"""Keypoints: where the bright spot of a noisy image is, in pixels. Generated data, numpy alone.

darkmagic compare --metric error --unit px --change "flips=--flips"
    --change "decay=--weight-decay 0.1"
    -- python keypoints.py --seed {seed} --out {directory}
"""

import argparse
import csv
import pathlib

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--lr", type=float, default=0.05)
parser.add_argument("--weight-decay", type=float, default=0.0)
parser.add_argument("--flips", action="store_true", help="mirrored images too")
parser.add_argument("--out", default=".")
args = parser.parse_args()
SIZE = 12


def make_images(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images of a spot in noise, and its place in pixels from the middle."""
    y, x = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    spots = rng.uniform(-4, 4, (count, 2))
    distance = (y - spots[:, 0, None, None]) ** 2 + (x - spots[:, 1, None, None]) ** 2
    return np.exp(-distance / 4) + rng.normal(0, 0.3, (count, SIZE, SIZE)), spots


rng = np.random.default_rng(args.seed)
train, train_spots = make_images(rng, 128)
val, val_spots = make_images(np.random.default_rng(12345), 256)
weights = np.zeros((SIZE * SIZE, 2))
with (pathlib.Path(args.out) / "keypoints.csv").open("w") as file:
    rows = csv.writer(file)
    rows.writerow(["epoch", "error"])
    for epoch in range(1, args.epochs + 1):
        for batch in np.split(rng.permutation(len(train)), 8):
            images, spots = train[batch], train_spots[batch]
            if args.flips:
                mirrored = rng.random(len(batch)) < 0.5
                images = np.where(mirrored[:, None, None], images[:, :, ::-1], images)
                spots = spots * np.where(mirrored[:, None], [1.0, -1.0], 1.0)
            inputs = images.reshape(len(batch), -1)
            slope = inputs.T @ (inputs @ weights - spots) / len(batch)
            weights -= args.lr * (slope + args.weight_decay * weights)
        off = val.reshape(len(val), -1) @ weights - val_spots
        rows.writerow([epoch, f"{np.hypot(*off.T).mean():.4f}"])
