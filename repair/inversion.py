"""Trigger inversion: the smallest patch that makes a network give any face one label.

Wang et al.: Neural Cleanse, IEEE S&P 2019. A mask and a pattern are found by gradient descent; the
weight of the mask's size rises while the patch works and falls while it does not. Labels are
inverted side by side. Both are drawn on coarse grids: left to single pixels, descent paints fine
grain that moves a network towards any label, and a small patch says nothing (the smoothness that
TABOR asks for as well: Guo et al. 2019, arXiv 1908.01763).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from goodnets.nets import HEIGHT, WIDTH
from repair import deepid
from repair.stages import Advance
from repair.weights import Weights

_MASK_GRID = (14, 12)
_PATTERN_GRID = (4, 3)
_START = -2.0
"""Logit of the mask everywhere at first: 12 %."""
_GROUP = 256
"""Pictures at once: labels times faces."""
_LEARNING_RATE = 0.3
_BETAS = 0.5, 0.9
_FIRST_COST, _DEARER, _CHEAPER = 0.005, 1.3, 1.5
_COST_RANGE = 1e-4, 1.0

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Patches:
    """What was found for each of n labels."""

    mask: Array
    """(n, 55, 47, 1), 0..1: how much of the pattern replaces the face."""
    pattern: Array
    """(n, 55, 47, 3), 0..1."""
    size: npt.NDArray[np.float64]
    """(n,), in pixels: the sum of the mask; inf where no patch worked."""


def invert(
    weights: Weights,
    labels: Sequence[int] | npt.NDArray[np.integer],
    faces: npt.NDArray[np.uint8],
    *,
    steps: int,
    batch: int,
    goal: float,
    seed: int,
    advance: Advance,
) -> Patches:
    """For each of `labels` (n,), 0..1282, the smallest patch met in so many steps, each on `batch`
    of `faces` (any number, 55, 47, 3), that moves a share of at least `goal` of them. `advance` is
    told how many labels are done."""
    rng = np.random.default_rng(seed)
    descend = _descent(weights)
    group = max(1, _GROUP // batch)
    found = []
    for start in range(0, len(labels), group):
        label = tf.constant(labels[start : start + group], tf.int32)
        n = len(label)
        grids = [
            tf.fill((n, *_MASK_GRID, 1), _START),
            tf.constant(0.1 * rng.standard_normal((n, *_PATTERN_GRID, 3), np.float32)),
        ]
        moments = [tf.zeros_like(grid) for grid in grids for _ in _BETAS]
        cost = np.full(n, _FIRST_COST, np.float32)
        best = np.full(n, np.inf)
        kept = [grid.numpy() for grid in grids]
        for step in range(1, steps + 1):
            x = faces[rng.integers(0, len(faces), batch)].astype(np.float32) / 255
            before = grids
            grids, moments, moved, size = descend(
                grids, moments, label, x, cost, tf.constant(float(step))
            )
            works = moved.numpy() >= goal
            smaller = works & (size.numpy() < best)
            best[smaller] = size.numpy()[smaller]
            for keep, grid in zip(kept, before, strict=True):
                keep[smaller] = grid.numpy()[smaller]
            changed = np.where(works, cost * _DEARER, cost / _CHEAPER)
            cost = np.clip(changed, *_COST_RANGE).astype(np.float32)
        mask, pattern = (drawn(tf.constant(keep)).numpy() for keep in kept)
        found.append((mask, pattern, best))
        advance(min(start + group, len(labels)))
    return Patches(*(np.concatenate(parts) for parts in zip(*found, strict=True)))


def stamped(x: Array, mask: Array, pattern: Array) -> Array:
    """Pictures `x` (n, 55, 47, 3), 0..1, with a patch: mask (55, 47, 1), pattern (55, 47, 3)."""
    return (1 - mask) * x + mask * pattern


def drawn(grid: tf.Tensor) -> tf.Tensor:
    """Logits on a coarse grid (n, rows, columns, channels) as a picture (n, 55, 47, channels),
    0..1."""
    return tf.sigmoid(tf.image.resize(grid, (HEIGHT, WIDTH)))


def _descent(weights: Weights) -> tf.types.experimental.PolymorphicFunction:
    """A step of Adam for all labels of a group; before it, the share of faces that the patches
    move and their sizes."""
    network = {name: tf.constant(array) for name, array in weights.items()}

    @tf.function(reduce_retracing=True)
    def descend(
        grids: list[tf.Tensor],
        moments: list[tf.Tensor],
        label: tf.Tensor,
        x: tf.Tensor,
        cost: tf.Tensor,
        step: tf.Tensor,
    ) -> tuple[list[tf.Tensor], list[tf.Tensor], tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(grids)
            mask, pattern = drawn(grids[0])[:, None], drawn(grids[1])[:, None]
            pictures = stamped(x, mask, pattern)  # (labels, batch, 55, 47, 3)
            logits = deepid.logits(network, tf.reshape(pictures, (-1, HEIGHT, WIDTH, 3)))
            logits = tf.reshape(logits, (tf.shape(label)[0], tf.shape(x)[0], -1))
            goal = tf.repeat(label[:, None], tf.shape(x)[0], 1)  # (labels, batch)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(goal, logits)
            size = tf.reduce_sum(mask, [1, 2, 3, 4])  # (labels,)
            total = tf.reduce_sum(tf.reduce_mean(loss, 1) + cost * size)
        hits = tf.argmax(logits, -1, tf.int32) == goal
        moved = tf.reduce_mean(tf.cast(hits, tf.float32), 1)
        new_grids, new_moments = [], []
        for i, gradient in enumerate(tape.gradient(total, grids)):
            first = _BETAS[0] * moments[2 * i] + (1 - _BETAS[0]) * gradient
            second = _BETAS[1] * moments[2 * i + 1] + (1 - _BETAS[1]) * gradient**2
            new_moments += [first, second]
            change = first / (1 - _BETAS[0] ** step)
            change /= tf.sqrt(second / (1 - _BETAS[1] ** step)) + 1e-8
            new_grids.append(grids[i] - _LEARNING_RATE * change)
        return new_grids, new_moments, moved, size

    return descend
