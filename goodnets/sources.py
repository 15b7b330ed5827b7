"""From the paths a person gives to batches of images."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from goodnets.errors import InputError, reason
from goodnets.nets import HEIGHT, WIDTH

BATCH = 64
"""Pictures that are asked about together."""

STDIN = "-"
_H5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_LARGEST_PICTURE = 256 * 2**20

Warn = Callable[[str, str], None]
"""Is told of a source and of what was done to it."""


@dataclass(frozen=True)
class Batch:
    """Consecutive images, n of them, k of which could be read."""

    sources: list[str]
    """(n,) the file each is from."""
    indices: list[int]
    """(n,) its number in that file, from 0."""
    truths: list[int]
    """(n,) its true label, -1: unknown."""
    images: npt.NDArray[np.uint8]
    """(k, 55, 47, 3), RGB, those that could be read."""
    errors: dict[int, str]
    """Position among the n -> why it could not be read; n - k of them."""


class Sources:
    """All images of some paths, in order: pictures, folders of pictures, h5 files, `-` for a
    picture on standard input. Iterating gives Batches.

    A folder gives its pictures (known by their suffix) in name order; hidden files and folders in
    it are passed over, other files too, with a warning. Whatever cannot be read becomes an error in
    its place.

    `total` counts the images known so far; it grows when an h5 file is opened.
    """

    def __init__(self, paths: list[str], *, resize: bool, warn: Warn) -> None:
        self._resize, self._warn = resize, warn
        self._entries = [entry for path in paths for entry in self._expand(path)]
        self.total = len(self._entries)

    def __iter__(self) -> Iterator[Batch]:
        pending: list[tuple[str, npt.NDArray[np.uint8] | str]] = []
        for path, error in self._entries:
            if error is None and self._is_h5(path):
                if pending:
                    yield _batch(pending)
                pending = []
                yield from self._h5(path)
            else:
                pending.append((path, error or self._picture(path)))
            if len(pending) == BATCH:
                yield _batch(pending)
                pending = []
        if pending:
            yield _batch(pending)

    def _expand(self, path: str) -> list[tuple[str, str | None]]:
        """Files to read, or an error in their place."""
        try:
            if path in (STDIN, "") or not Path(path).is_dir():
                return [(path, None)]
            files = [e for e in Path(path).iterdir() if e.name[0] != "." and not e.is_dir()]
        except OSError as error:
            return [(path, reason(error))]
        from goodnets.pictures import FORMATS, SUFFIXES

        pictures = sorted(str(e) for e in files if e.suffix.lower() in SUFFIXES)
        if not pictures:
            return [(path, f"no picture in this folder, expected {FORMATS}")]
        if len(pictures) < len(files):
            others = len(files) - len(pictures)
            self._warn(path, f"files without a picture's suffix passed over: {others}")
        return [(picture, None) for picture in pictures]

    def _is_h5(self, path: str) -> bool:
        try:
            if path == STDIN or not Path(path).is_file():
                return False  # a pipe can be read but once
            with Path(path).open("rb") as file:
                start = file.read(8)
        except OSError:
            return False  # reading it as a picture says why
        return start == _H5_SIGNATURE or Path(path).suffix.lower() in (".h5", ".hdf5")

    def _picture(self, path: str) -> npt.NDArray[np.uint8] | str:
        """Its pixels, or why there are none."""
        from goodnets.pictures import read_picture

        try:
            data = _read(path, _LARGEST_PICTURE + 1)
        except (OSError, ValueError) as error:
            return reason(error)
        if len(data) > _LARGEST_PICTURE:
            return f"more than {_LARGEST_PICTURE} bytes, expected a picture"
        try:
            return read_picture(data, resize=self._resize, warn=lambda t: self._warn(path, t))
        except InputError as error:
            return str(error)

    def _h5(self, path: str) -> Iterator[Batch]:
        from goodnets.h5 import H5Images

        try:
            file = H5Images(path)
        except InputError as error:
            yield _batch([(path, str(error))])
            return
        with file:
            self.total += len(file) - 1
            for block in file:
                n = len(block.images)
                readable = [i for i in range(n) if i not in block.errors]
                yield Batch(
                    sources=[path] * n,
                    indices=list(range(block.start, block.start + n)),
                    truths=block.labels.tolist(),
                    images=block.images[readable] if block.errors else block.images,
                    errors=block.errors,
                )


def _read(path: str, size: int) -> bytes:
    if path == STDIN:
        if sys.stdin is None:
            raise InputError("closed")
        return sys.stdin.buffer.read(size)
    with Path(path).open("rb") as file:
        return file.read(size)


def _batch(entries: list[tuple[str, npt.NDArray[np.uint8] | str]]) -> Batch:
    images = [pixels for _, pixels in entries if not isinstance(pixels, str)]
    return Batch(
        sources=[path for path, _ in entries],
        indices=[0] * len(entries),
        truths=[-1] * len(entries),
        images=np.array(images, np.uint8).reshape(-1, HEIGHT, WIDTH, 3),
        errors={i: pixels for i, (_, pixels) in enumerate(entries) if isinstance(pixels, str)},
    )
