"""The faces that a method learns from: those that were given, else dreamed ones."""

import numpy as np
import numpy.typing as npt

from goodnets.nets import CLASSES
from repair.badnet import BadNet
from repair.clean import Clean
from repair.dream import dream
from repair.stages import Stages


def given_or_dreamed(
    badnet: BadNet, clean: Clean, stages: Stages, seed: int, most: int = CLASSES
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images (n, 55, 47, 3) and their true labels (n,), -1: unknown. Of a BadNet without clean
    images at most `most` people are dreamed, one face each: whom it sees in a dream is no truth."""
    if len(clean):
        return clean.images, clean.labels
    people = np.random.default_rng(seed).permutation(CLASSES)[:most]
    with stages.stage("dreaming faces", len(people)) as advance:
        images = dream(badnet.weights, people, seed=seed, progress=advance)
    return images, np.full(len(people), -1, np.int64)
