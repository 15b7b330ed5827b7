"""What a defender has: clean images, or none at all."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodnets.errors import InputError
from goodnets.files import sha256
from goodnets.nets import CLASSES, HEIGHT, WIDTH
from goodnets.sources import Sources, Warn


@dataclass(frozen=True)
class Clean:
    """n clean images; none where only dreamed faces are to be used."""

    images: npt.NDArray[np.uint8]
    """(n, 55, 47, 3), RGB."""
    labels: npt.NDArray[np.int64]
    """(n,), 0..1282; -1: unknown."""
    description: str
    sha256: str | None
    """Of the h5 file, where it is one."""

    def __len__(self) -> int:
        return len(self.images)


def no_images() -> Clean:
    """Nothing but the BadNet."""
    images = np.empty((0, HEIGHT, WIDTH, 3), np.uint8)
    return Clean(images, np.empty(0, np.int64), "none: dreamed faces", None)


def read_clean(path: Path, warn: Warn = lambda source, text: None) -> Clean:
    """The clean images of an h5 file, which may have true labels, or of a folder of pictures.

    Raises InputError where there is no such thing, where any image cannot be used, or where a label
    is none that a BadNet knows.
    """
    images, labels = read_images(path, warn)
    if labels.max() >= CLASSES:
        raise InputError(
            f"{path}: label {labels.max()}, expected 0..{CLASSES - 1}, or -1 where it is unknown"
        )
    known = f"{(labels >= 0).sum()} with a true label" if (labels >= 0).any() else "no true labels"
    description = f"{path.name}: {len(labels)} images, {known}"
    return Clean(images, labels, description, None if path.is_dir() else sha256(path))


def read_images(
    path: Path, warn: Warn = lambda source, text: None
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images (n, 55, 47, 3) and labels (n,), -1: unknown, of an h5 file or a folder of pictures.

    Raises InputError where there is no such thing or any image cannot be used.
    """
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists() raises for a locked folder
        raise InputError(f"{path}: no such file or folder")
    images, labels = [], []
    for batch in Sources([str(path)], resize=False, warn=warn):
        for i, error in batch.errors.items():
            index = batch.indices[i]
            raise InputError(f"{batch.sources[i]}{f'[{index}]' if index else ''}: {error}")
        images.append(batch.images)
        labels.append(np.array(batch.truths, np.int64))
    return np.concatenate(images), np.concatenate(labels)
