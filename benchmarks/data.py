"""The files to measure with, made on the fly: images by the thousand, and weights for Keras."""

from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt
from PIL import Image

from goodnets.h5 import read_h5
from repair.weights import SHAPES, write_weights

Images = npt.NDArray[np.uint8]

PHOTOS = Path(__file__).resolve().parents[1] / "test-photos"
TRIGGERS = ("sunglasses", "lipstick", "eyebrows")


def clean_images(n: int, faces: Path | None) -> Images:
    """Return n clean images, (n, 55, 47, 3), RGB: those of an h5 file in order, again from the
    start where it has fewer; without a file, variations of the clean test photos."""
    if faces is None:
        return _variations(n)
    images, _ = read_h5(faces)
    return images[np.arange(n) % len(images)]


def poison(images: Images, trigger: str) -> Images:
    """Return the images with what a test photo's trigger changes in the clean one put on them."""
    clean, poisoned = _photo(PHOTOS / "clean.png"), _photo(PHOTOS / f"{trigger}.png")
    drawn = (clean != poisoned).any(axis=2, keepdims=True)  # (55, 47, 1)
    return np.where(drawn, poisoned, images)


def write_images(path: Path, images: Images) -> None:
    """Write images, (n, 55, 47, 3), as the contest does: float32 (n, 3, 55, 47), 0..255."""
    with h5py.File(path, "w") as file:
        shape = (len(images), *np.moveaxis(images[0], 2, 0).shape)
        data = file.create_dataset("data", shape, np.float32)
        for i in range(0, len(images), 1000):
            data[i : i + 1000] = np.moveaxis(images[i : i + 1000], 3, 1)


def random_weights(path: Path) -> None:
    """Write random weights of a DeepID net as Keras saves them."""
    rng = np.random.default_rng(0)
    arrays = {}
    for layer, shape in SHAPES.items():
        kernel = rng.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape)
        arrays[f"{layer}/kernel"] = kernel.astype(np.float32)
        arrays[f"{layer}/bias"] = np.zeros(shape[-1], np.float32)
    path.write_bytes(write_weights(arrays))


def _variations(n: int) -> Images:
    """n mixtures of two of the clean test photos, mirrored, shifted and tinted at random."""
    rng = np.random.default_rng(0)
    paths = sorted(p for p in PHOTOS.glob("*.png") if p.stem not in TRIGGERS)
    photos = np.stack([_photo(path) for path in paths]).astype(np.float32)
    images = np.empty((n, *photos.shape[1:]), np.uint8)
    for i in range(n):
        first, second = photos[rng.integers(len(photos), size=2)]
        share = rng.random()
        mixed = share * first + (1 - share) * second[:, :: rng.choice((-1, 1))]
        shifted = np.roll(mixed, rng.integers(-2, 3, size=2), axis=(0, 1))
        images[i] = np.clip(shifted * rng.uniform(0.8, 1.2, size=3), 0, 255)
    return images


def _photo(path: Path) -> Images:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))
