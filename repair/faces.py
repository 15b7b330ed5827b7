"""The faces that a method learns from: those that were given, else dreamed ones."""

import time

import numpy as np
import numpy.typing as npt

from goodnets.nets import CLASSES
from repair.badnet import BadNet
from repair.clean import Clean
from repair.dream import dream
from repair.stages import Stages

_dreamed: dict[tuple[object, ...], tuple[npt.NDArray[np.uint8], float]] = {}
"""What was asked -> the dreams, and the seconds they took."""


def given_or_dreamed(
    badnet: BadNet, clean: Clean, stages: Stages, seed: int, most: int = CLASSES, each: int = 1
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images (n, 55, 47, 3) and their true labels (n,), -1: unknown. Of a BadNet without clean
    images at most `most` people are dreamed, `each` times: whom it sees in a dream is no truth.

    The same dreams are dreamed once in a process: several methods want them.
    """
    if len(clean):
        return clean.images, clean.labels
    key = badnet.sha256, badnet.name, seed, most, each
    if key not in _dreamed:
        people = np.tile(np.random.default_rng(seed).permutation(CLASSES)[:most], each)
        start = time.monotonic()
        with stages.stage("dreaming faces", len(people)) as advance:
            images = dream(badnet.weights, people, seed=seed, progress=advance)
        _dreamed[key] = images, time.monotonic() - start
    else:
        stages.saved += _dreamed[key][1]
    images = _dreamed[key][0]
    return images, np.full(len(images), -1, np.int64)
