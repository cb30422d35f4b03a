"""Whether images and classes belong together.

Two looks, the cheap one first. Nearest neighbours by thumbnail share a class more often than
chance on every set of natural images that we know of, hard ones too (CIFAR-10: 25 to 40 % of
neighbours where chance is 10 %). Where they do not, a network is trained for a few steps and
must guess the validation classes better than chance. Where both fail, the labels may be
shuffled, or the task may be one that no short look can solve: so it is a warning, and a stop
only where there are many classes and images, and images close enough to have had something in
common. Chance is measured: the same guesses against classes in a random order.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.data.splits.select import read, spread
from darkmagic.trainers.data.splits.split import one_label
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup
from darkmagic.trainers.preflight.thumbnails import nearest, thumbnails
from darkmagic.trainers.runtime.randomness import generator

__all__ = ["Agreement", "agreement", "check_labels"]

MAX_POINTS, MAX_QUERIES = 4000, 1000
NEIGHBOURS = 5
ORDERS = 200  # random orders that measure chance
MIN_DEVIATIONS = 4.0  # standard deviations above chance
MIN_IMAGES = 50  # of validation: fewer cannot show that its labels are shuffled
MIN_CLASSES_TO_STOP, MIN_IMAGES_TO_STOP = 5, 200
MAX_NEIGHBOUR_DISTANCE = 0.6  # of the distance between any two images
MAX_TRAINING_STEPS = 150  # of the small network that guesses labels
LEARNING_RATE = 1e-3  # of Adam


@dataclass(frozen=True)
class Agreement:
    """How often guesses hit, how often they would by chance, and by how much that varies."""

    rate: float
    chance: float
    deviation: float  # standard deviation of the rate by chance
    images: int
    ceiling: float = (
        1.0  # the rate of the best guesses: a class may have fewer neighbours than asked
    )

    @property
    def significant(self) -> bool:
        """Whether chance hardly explains it."""
        return self.rate - self.chance > MIN_DEVIATIONS * self.deviation

    @property
    def decidable(self) -> bool:
        """Whether there are so many images that the best guesses are significant."""
        return self.ceiling - self.chance > MIN_DEVIATIONS * self.deviation

    def __str__(self) -> str:
        return f"{self.rate:.0%} (chance {self.chance:.0%})"


def agreement(
    guesses: Tensor, classes: Tensor, rng: torch.Generator, ceiling: float = 1.0
) -> Agreement:
    """Return how `guesses` (N, k), int64, agree with `classes` (N,), against random orders."""
    rate = float((guesses == classes[:, None]).double().mean())
    orders = (classes[torch.randperm(len(classes), generator=rng)] for _ in range(ORDERS))
    by_chance = torch.tensor([float((guesses == o[:, None]).double().mean()) for o in orders])
    # The spread of a few images may be 0 by chance; half an image is the least that is used.
    deviation = max(float(by_chance.std()), 0.5 / len(classes))
    chance = float(by_chance.mean())
    deviation = max(deviation, _spread_by_class(guesses, classes, rng))
    return Agreement(rate, chance, deviation, len(classes), ceiling)


def _spread_by_class(guesses: Tensor, classes: Tensor, rng: torch.Generator) -> float:
    """Return the standard deviation of hits if classes are permuted at random.

    A network that learnt nothing of use still gives similar images one class: it hits or misses
    all images of a class together, which varies far more than independent guesses do.
    """
    count = int(max(classes.max(), guesses.max())) + 1
    pairs = (classes[:, None] * count + guesses).flatten()
    table = torch.bincount(pairs, minlength=count**2).view(count, count) / len(pairs)
    own = torch.arange(count)
    orders = (torch.randperm(count, generator=rng) for _ in range(ORDERS))
    rates = [float(table[own, order].sum()) for order in orders if not (order == own).any()]
    return float(torch.tensor(rates).std()) if len(rates) > 1 else 0.0


def check_labels(setup: Setup, seconds: float) -> Finding:  # noqa: PLR0911 (look after look)
    """Look for any relation of images and classes that holds for images not looked at."""
    data, rng = setup.data, generator(0, "preflight", "labels")
    train = read(data.train, spread(len(data.train), _affordable(setup, MAX_POINTS)))
    val = read(data.val, spread(len(data.val), _affordable(setup, MAX_QUERIES)))
    if data.multilabel:  # of several labels, one image's rarest
        both = one_label(torch.cat([train.targets, val.targets]))
        train = replace(train, targets=both[: len(train)])
        val = replace(val, targets=both[len(train) :])
    assert isinstance(train.images, Tensor)
    assert isinstance(val.images, Tensor)
    points, queries = thumbnails(train.images), thumbnails(val.images)
    among, indices = nearest(points, points, NEIGHBOURS + 1)
    neighbours = train.targets[indices[:, 1:]]  # the first is the image itself
    within = agreement(neighbours, train.targets, rng, _ceiling(train.targets, train.targets, 1))
    neighbours = train.targets[nearest(queries, points, NEIGHBOURS)[1]]
    across = agreement(neighbours, val.targets, rng, _ceiling(train.targets, val.targets))
    figures = {"neighbours_train": within.rate, "neighbours_val": across.rate}
    seen = f"neighbours share their class: {within} in train, {across} of val with train"
    if across.significant:
        return Finding("labels", Level.OK, seen, figures=figures)
    if within.significant and len(val) >= MIN_IMAGES:
        advice = "labels of the validation split may be shuffled, or its images of another kind"
        return Finding("labels", Level.WARNING, seen, advice, figures)
    if within.significant:
        seen += f", whose {across.images} images are too few to tell"
        return Finding("labels", Level.OK, seen, figures=figures)
    if data.multilabel:
        seen = f"neighbours share their rarest label no more often than by chance: {seen}"
        advice = "look at some images of each label yourself: labels may be shuffled"
        return Finding("labels", Level.WARNING, seen, advice, figures)

    learnt = _learnt(setup, seconds, rng)
    figures["learnt_val"] = learnt.rate
    if learnt.significant:
        seen += f"; a short training guesses {learnt}"
        return Finding("labels", Level.OK, seen, figures=figures)
    if not all(each.decidable for each in (within, across, learnt)):
        advice = "look at some images of each class yourself"
        seen = f"{across.images} validation images are too few to tell whether labels fit: {seen}"
        return Finding("labels", Level.WARNING, seen, advice, figures)
    typical = float(torch.cdist(points[:500], points[:500]).median()) / points.shape[1] ** 0.5
    close = float(among[:, 1].median()) < MAX_NEIGHBOUR_DISTANCE * typical
    certain = (
        close and len(data.classes) >= MIN_CLASSES_TO_STOP and across.images >= MIN_IMAGES_TO_STOP
    )
    advice = (
        "labels may be shuffled, or not in the order of the images: look at some of both. A task "
        "that is just hard or has few images looks the same"
    )
    return Finding(
        "labels",
        Level.STOP if certain else Level.WARNING,
        f"no relation of images and classes found: {seen}; a short training guesses {learnt}",
        advice,
        figures,
    )


def _ceiling(points: Tensor, queries: Tensor, itself: int = 0) -> float:
    """Return which share of neighbours among `points` can be of the class of `queries` at most."""
    counts = torch.bincount(points, minlength=int(queries.max()) + 1)[queries] - itself
    return float(counts.clamp(0, NEIGHBOURS).double().mean()) / NEIGHBOURS


def _affordable(setup: Setup, count: int) -> int:
    return count if isinstance(setup.data.train.images, Tensor) else min(count, 512)


def _learnt(setup: Setup, seconds: float, rng: torch.Generator) -> Agreement:
    """Train briefly on images that are not augmented, and guess the validation classes."""
    network = setup.network()
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.Adam(trained, lr=LEARNING_RATE) if trained else None
    batches = setup.training_batches(setup.quiet_hooks())
    torch.manual_seed(0)
    steps, started = 0, time.perf_counter()
    while (
        optimizer is not None
        and steps < MAX_TRAINING_STEPS
        and time.perf_counter() - started < seconds
    ):
        images, targets = next(batches)
        optimizer.zero_grad(set_to_none=True)
        F.cross_entropy(network(images).float(), targets).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        steps += 1
    network.eval()
    guesses, classes = [], []
    with torch.no_grad():
        for images, held_out in setup.pipeline().validation():
            guesses.append(network(images).argmax(1).cpu())
            classes.append(held_out.cpu())
            if sum(map(len, classes)) >= MAX_QUERIES:
                break
    return agreement(torch.cat(guesses)[:, None], torch.cat(classes), rng)
