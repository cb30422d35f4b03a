"""Segmentation: which pixels of a noisy image are of the disc. Generated data, numpy alone.

darkmagic compare --metric iou --change "dice=--loss dice" --change "wide=--window 7"
    -- python segmentation.py --seed {seed}
"""

import argparse

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=10)
parser.add_argument("--lr", type=float, default=2.0)
parser.add_argument(
    "--window", type=int, default=3, help="pixels around one that its class is seen from"
)
parser.add_argument("--loss", choices=["cross_entropy", "dice"], default="cross_entropy")
args = parser.parse_args()
SIZE = 16


def make_images(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images of a disc in noise, and their masks."""
    y, x = np.mgrid[:SIZE, :SIZE]
    centre, radius = rng.uniform(4, 12, (count, 2, 1, 1)), rng.uniform(2, 5, (count, 1, 1))
    masks = (y - centre[:, 0]) ** 2 + (x - centre[:, 1]) ** 2 < radius**2
    return masks + rng.normal(0, 1.0, masks.shape), masks.astype(float)


def windows(images: np.ndarray) -> np.ndarray:
    """Return, for each pixel, the pixels around it and a constant."""
    half = args.window // 2
    padded = np.pad(images, ((0, 0), (half, half), (half, half)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, (args.window, args.window), axis=(1, 2))
    flat = seen.reshape(-1, args.window**2)
    return np.hstack([flat, np.ones((len(flat), 1))])


rng = np.random.default_rng(args.seed)
train, train_masks = make_images(rng, 64)
val, val_masks = make_images(np.random.default_rng(12345), 64)  # the same for every seed
val_inputs, val_target = windows(val), val_masks.ravel() > 0
weights = rng.normal(0, 0.01, args.window**2 + 1)
for epoch in range(1, args.epochs + 1):
    for batch in np.split(rng.permutation(len(train)), 8):
        inputs, target = windows(train[batch]), train_masks[batch].ravel()
        share = 1 / (1 + np.exp(-inputs @ weights))
        if args.loss == "dice":
            overlap, total = (share * target).sum(), (share + target).sum()
            slope = (2 * overlap - 2 * target * total) / total**2 * len(target)
            error = slope * share * (1 - share)
        else:
            error = share - target
        weights -= args.lr * inputs.T @ error / len(target) / args.window
    found = val_inputs @ weights > 0
    iou = (found & val_target).sum() / (found | val_target).sum()
    print(f"METRIC iou={iou:.4f} epoch={epoch}")
