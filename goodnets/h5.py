"""h5 files in the contest's layout, read block by block.

`data` is (N, 3, 55, 47) or (N, 55, 47, 3), RGB, any integer or float type, 0..255; `label`, where
there is one, (N,) or (N, 1) with whole numbers, negative for unknown. Files are hostile until shown
otherwise: nothing outside the file is ever opened (h5safe), and memory does not grow with it.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Any, NamedTuple

import h5py
import numpy as np
import numpy.typing as npt

from goodnets.errors import InputError, reason
from goodnets.h5safe import dataset, has, open_h5
from goodnets.nets import HEIGHT, WIDTH

ROWS = 128
"""Images in a block: small enough for the processor's caches."""

_LAYOUTS = ((3, HEIGHT, WIDTH), (HEIGHT, WIDTH, 3))
_LABEL_ROWS = 65_536


class Block(NamedTuple):
    """Consecutive images of a file, n of them, from number `start` on."""

    start: int
    images: npt.NDArray[np.uint8]
    """(n, 55, 47, 3), RGB; black where there is an error."""
    labels: npt.NDArray[np.int64]
    """(n,), -1: unknown."""
    errors: dict[int, str]
    """Position in the block -> why this image cannot be used."""


def read_h5(path: str | os.PathLike[str]) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """All images, uint8 (N, 55, 47, 3), and labels, int64 (N,), -1 for unknown, of an h5 file.

    Raises InputError where the file or any image in it cannot be used.
    """
    with H5Images(path) as file:
        images = np.empty((len(file), HEIGHT, WIDTH, 3), np.uint8)
        labels = np.empty(len(file), np.int64)
        for block in file:
            for position, error in block.errors.items():
                raise InputError(f"{os.fspath(path)}[{block.start + position}]: {error}")
            rows = slice(block.start, block.start + len(block.images))
            images[rows], labels[rows] = block.images, block.labels
    return images, labels


class H5Images:
    """An open h5 file: `len` is its number of images, iterating gives Blocks in order.

    Raises InputError where the file as a whole cannot be used; its message has no path in front.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        with contextlib.ExitStack() as stack:
            self._file = stack.enter_context(open_h5(path))
            self._open()
            self._stack = stack.pop_all()

    def _open(self) -> None:
        self._data = dataset(self._file, "data")
        shape = self._data.shape
        if len(shape) != 4 or shape[1:] not in _LAYOUTS:
            raise InputError(f"data is {shape}, expected (N, 3, 55, 47) or (N, 55, 47, 3)")
        if shape[0] == 0:
            raise InputError("data holds no image")
        self._length = int(shape[0])
        self._channels_first = shape[1:] == _LAYOUTS[0]
        self._label = dataset(self._file, "label") if has(self._file, "label") else None
        self._check_labels()
        self._check_scale()

    def __enter__(self) -> "H5Images":
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[Block]:
        for start in range(0, self._length, ROWS):
            stop = min(start + ROWS, self._length)
            labels = self._labels(start, stop)
            try:
                raw = _read(self._data, start, stop)
            except OSError as error:
                why = f"damaged ({reason(error)})"
                blank = np.zeros((stop - start, HEIGHT, WIDTH, 3), np.uint8)
                yield Block(start, blank, labels, dict.fromkeys(range(stop - start), why))
                continue
            pixels, errors = _to_uint8(raw)
            if self._channels_first:
                pixels = _channels_last(pixels)
            yield Block(start, pixels, labels, errors)

    def _labels(self, start: int, stop: int) -> npt.NDArray[np.int64]:
        if self._label is None:
            return np.full(stop - start, -1, np.int64)
        labels = _read(self._label, start, stop).reshape(stop - start)
        return np.maximum(labels.astype(np.int64), -1)

    def _check_labels(self) -> None:
        if self._label is None:
            return
        if self._label.shape not in ((self._length,), (self._length, 1)):
            raise InputError(
                f"label is {self._label.shape}, expected ({self._length},): one for each image"
            )
        for start in range(0, self._length, _LABEL_ROWS):
            labels = _read(self._label, start, min(start + _LABEL_ROWS, self._length))
            # NaN equals nothing, not even its own rounding
            bad = labels[(labels != np.trunc(labels)) | (np.abs(labels) > 2**53)]
            if bad.size:
                raise InputError(f"label holds {bad[0]}, expected whole numbers")

    def _check_scale(self) -> None:
        """Refuse images that somebody scaled to 0..1: rounded, they would all be black."""
        seen = False
        for start in range(0, self._length, ROWS):
            try:
                raw = _read(self._data, start, min(start + ROWS, self._length))
            except OSError:
                return  # its images are reported one by one
            low, high = _ranges(raw)
            fine = (low >= 0) & (high <= 255)
            if (high[fine] > 1).any():
                return
            seen |= bool(fine.any())
        if seen:
            raise InputError("data never leaves 0..1, expected values 0..255")


def _read(dataset: h5py.Dataset, start: int, stop: int) -> npt.NDArray[Any]:
    dtype = dataset.dtype.newbyteorder("=")
    if dtype.kind == "f" and dtype.itemsize not in (4, 8):
        dtype = np.dtype(np.float32 if dtype.itemsize < 4 else np.float64)
    block = np.empty((stop - start, *dataset.shape[1:]), dtype)
    dataset.read_direct(block, np.s_[start:stop])
    return block


def _ranges(raw: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Each image's lowest and highest value; NaN where there is any."""
    rows = raw.reshape(len(raw), -1)
    with np.errstate(invalid="ignore"):
        return rows.min(axis=1), rows.max(axis=1)


def _channels_last(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """(n, 3, 55, 47) as (n, 55, 47, 3)."""
    images = np.empty((len(pixels), HEIGHT, WIDTH, 3), np.uint8)
    for channel in range(3):  # five times faster than one transposed copy
        images[..., channel] = pixels[:, channel]
    return images


def _to_uint8(raw: npt.NDArray[Any]) -> tuple[npt.NDArray[np.uint8], dict[int, str]]:
    """Values rounded to uint8, and per image that has others than 0..255 why it is left out.
    Works in place where it can."""
    if raw.dtype == np.uint8:
        return raw, {}
    low, high = _ranges(raw)
    errors = {}
    for i in np.flatnonzero(~((low >= 0) & (high <= 255))):
        value = high[i] if low[i] >= 0 else low[i]
        errors[int(i)] = f"pixel value {value}, expected 0..255"
        raw[i] = 0
    if raw.dtype.kind == "f":
        np.rint(raw, out=raw)
    return raw.astype(np.uint8), errors
