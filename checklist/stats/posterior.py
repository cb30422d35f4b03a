"""What each trick probably does, given what all of them did: empirical Bayes.

The largest of many differences flatters, and a table that proves nothing still says something.
True effects are taken as drawn from one distribution around 0, a mixture of normals of many
widths whose weights are found from the table itself (Stephens 2017, "False discovery rates: a
new deal"), beside the luck of the baseline, which all differences share. What is known of a row
then is its estimate drawn towards 0, by as much as the table as a whole is noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.stats.effects import Effects

__all__ = ["Posterior", "estimate_posterior"]

Array = NDArray[np.float64]
DRAWS = 4000
SEED = 0
ITERATIONS = 200
WIDTHS = 10
"""Normals of the mixture, up to one of twice the largest difference."""
SMALLEST_WIDTH = 0.3
"""Times the smallest standard error: narrower effects cannot be told from none."""
PRIOR_ROWS = 2.0
"""The weights start as if so many rows had been seen that spread evenly over the widths."""
POINTS = 25
MIN_DF = 3.0


@dataclass(frozen=True)
class Posterior:
    """Draws of the true effects of `trials`, in points, (DRAWS, trials): a column each."""

    trials: tuple[int, ...]
    draws: Array

    def of(self, trial: int) -> Array | None:
        """Return the draws of one trial, None for one without an error."""
        return self.draws[:, self.trials.index(trial)] if trial in self.trials else None


def estimate_posterior(effects: Effects) -> Posterior | None:
    """Return what `effects` make probable; None without errors. The draws are always the same."""
    joint = effects.joint
    if joint is None or not effects.trials:
        return None
    rows = [effects.by_trial[trial] for trial in effects.trials]
    seen = np.array([row.difference for row in rows])
    # Estimated spreads have longer tails than the normal ones that stand for them here.
    widened = np.array([max(row.df, MIN_DF) for row in rows])
    variances = joint.variances * widened / np.maximum(widened - 2, 1.0)
    shared = joint.loadings * np.sqrt(joint.variances)
    own = np.maximum(variances - shared**2, 1e-12 * variances)

    nodes, node_weights = np.polynomial.hermite_e.hermegauss(POINTS)
    left = seen - nodes[:, None] * shared  # (nodes, rows), without the luck of the baseline
    largest = max(2 * float(np.abs(seen).max()), float(np.sqrt(variances).min()))
    widths = np.geomspace(SMALLEST_WIDTH * float(np.sqrt(variances).min()), largest, WIDTHS)
    total = widths[:, None] ** 2 + own  # (widths, rows)
    logs = -0.5 * (left[:, None] ** 2 / total + np.log(total))  # (nodes, widths, rows)
    nodes_posterior, parts = _fit(logs, node_weights / node_weights.sum())
    return Posterior(effects.trials, _draw(left, own, widths, nodes_posterior, parts))


def _fit(logs: Array, prior: Array) -> tuple[Array, Array]:
    """Find the mixture's weights by expectation and maximisation.

    Returns the weights of the nodes, and the parts (nodes, widths, rows) of each width.
    """
    widths = logs.shape[1]
    weights = np.full(widths, 1 / widths)
    highest = logs.max(1, keepdims=True)
    likely = np.exp(logs - highest)
    for _ in range(ITERATIONS):
        parts = weights[:, None] * likely
        sums = parts.sum(1, keepdims=True)
        parts = parts / sums
        evidence = (np.log(sums) + highest)[:, 0].sum(1) + np.log(prior)
        of_node = np.exp(evidence - evidence.max())
        of_node /= of_node.sum()
        counts = np.einsum("n,nwr->w", of_node, parts) + PRIOR_ROWS / widths
        weights = counts / counts.sum()
    return of_node, parts


def _draw(left: Array, own: Array, widths: Array, of_node: Array, parts: Array) -> Array:
    rng = np.random.default_rng(SEED)
    rows = left.shape[1]
    node = rng.choice(len(of_node), size=DRAWS, p=of_node)
    uniform = rng.random((DRAWS, rows))
    width = (parts.cumsum(1)[node] < uniform[:, None]).sum(1)  # (draws, rows)
    width = np.minimum(width, len(widths) - 1)
    share = widths[width] ** 2 / (widths[width] ** 2 + own)
    drawn = share * left[node] + np.sqrt(share * own) * rng.standard_normal((DRAWS, rows))
    return np.asarray(drawn)
