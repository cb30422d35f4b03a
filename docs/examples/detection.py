"""Detection: the box around the rectangle of a noisy image. Generated data, numpy alone.

darkmagic compare --metric ap50 --change "log=--target log" --change "long=--epochs 60"
    -- python detection.py --seed {seed}
"""

import argparse
import json

import numpy as np

parser = argparse.ArgumentParser()
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--epochs", type=int, default=20)
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument(
    "--target", choices=["plain", "log"], default="plain", help="of width and height"
)
args = parser.parse_args()
SIZE = 24


def make_images(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return profiles of images of a rectangle in noise, and its centre and size."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    centres, sizes = rng.uniform(7, 17, (count, 2)), rng.uniform(3, 12, (count, 2))
    inside = np.abs(y - centres[:, 0, None, None]) < sizes[:, 0, None, None] / 2
    inside &= np.abs(x - centres[:, 1, None, None]) < sizes[:, 1, None, None] / 2
    images = inside + rng.normal(0, 0.5, inside.shape)
    profiles = np.hstack([images.mean(1), images.mean(2), images.max(1), images.max(2)])
    return np.hstack([profiles, np.ones((count, 1))]), np.hstack([centres, sizes])


def overlaps(found: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Return intersection over union of each pair of boxes."""
    low = np.maximum(found[:, :2] - found[:, 2:] / 2, boxes[:, :2] - boxes[:, 2:] / 2)
    high = np.minimum(found[:, :2] + found[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2)
    shared = np.clip(high - low, 0, None).prod(1)
    return shared / (found[:, 2:].prod(1) + boxes[:, 2:].prod(1) - shared)


def to_target(boxes: np.ndarray) -> np.ndarray:
    return np.hstack([boxes[:, :2], np.log(boxes[:, 2:]) if args.target == "log" else boxes[:, 2:]])


def to_boxes(found: np.ndarray) -> np.ndarray:
    sizes = np.exp(found[:, 2:]) if args.target == "log" else found[:, 2:]
    return np.hstack([found[:, :2], np.clip(sizes, 0.1, SIZE)])


rng = np.random.default_rng(args.seed)
train, boxes = make_images(rng, 256)
val, val_boxes = make_images(np.random.default_rng(12345), 256)
middle = to_target(boxes).mean(0)
weights = np.zeros((train.shape[1], 4))
for epoch in range(1, args.epochs + 1):
    for batch in np.split(rng.permutation(len(train)), 16):
        error = train[batch] @ weights + middle - to_target(boxes[batch])
        weights -= args.lr * train[batch].T @ error / len(batch)
    iou = overlaps(to_boxes(val @ weights + middle), val_boxes)
    print(
        json.dumps(
            {
                "epoch": epoch,
                "ap50": round(float((iou > 0.5).mean()), 4),
                "iou": round(float(iou.mean()), 4),
            }
        )
    )
