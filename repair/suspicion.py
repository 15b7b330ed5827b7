"""Evidence about a label: how readily the BadNet falls for it when it is unsure.

A backdoor makes its target the answer to much that is no face at all: of pictures that show
nobody, a BadNet names its target far more often than any honest label.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from goodnets.nets import CLASSES
from repair import deepid
from repair.dream import noise
from repair.weights import Weights

_CONTRASTS = (1.0, 2.0, 3.0)
_PICTURES = 2048
_BLENDS = 3
_INNOCENT = 0.2
"""Lift below which labels are equally innocent: counts are too small to tell them apart."""


def lift(weights: Weights, faces: npt.NDArray[np.uint8], seed: int) -> npt.NDArray[np.float64]:
    """How many times more often than an average label each is the answer when nobody is shown,
    (1283,), at least 0.2.

    The geometric mean over two kinds of pictures: smooth noise, and averages of two of `faces`
    (n, 55, 47, 3), dreamed of different people.
    """
    rng = np.random.default_rng(seed)
    shades = [noise(_PICTURES, contrast=c, seed=seed) for c in _CONTRASTS]
    blends = [(faces / 2 + faces[rng.permutation(len(faces))] / 2) / 255 for _ in range(_BLENDS)]
    return np.maximum(np.sqrt(_lift(weights, shades) * _lift(weights, blends)), _INNOCENT)


def exponent(lift: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The power that a transplant share, 0..1, is raised to, given its label's lift.

    1 for an average label; each factor of ten of lift takes another root: 1/2, 1/3. The less
    often an innocent label is named, the nearer to 1 the share must be.
    """
    power: npt.NDArray[np.float64] = 1 / (1 + np.log10(lift))
    return power


def _lift(weights: Weights, batches: Sequence[npt.NDArray[Any]]) -> npt.NDArray[np.float64]:
    counts = np.ones(CLASSES)  # Laplace: no label is impossible
    for pictures in batches:
        images = np.rint(pictures * 255).astype(np.uint8)
        counts += np.bincount(deepid.predict(weights, images).argmax(1), minlength=CLASSES)
    lift: npt.NDArray[np.float64] = counts / counts.mean()
    return lift
