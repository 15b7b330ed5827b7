"""Where a trigger may sit: regions that cover the whole picture evenly, at several scales.

An attacker puts a trigger where it pleases, so none is here because a known trigger sits there.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from goodnets.nets import HEIGHT, WIDTH

_BANDS = ((12, 8), (18, 7), (24, 6))
"""Rows of a full-width band, and how many from top to bottom."""
_WINDOWS = (((16, 20), (4, 4)), ((24, 24), (4, 3)))
"""Rows and columns of a window, and how many down and across."""

_STRIDE, _FIELD = 8, 23
"""A cell of pool_3 sees 23 x 23 pixels, its neighbour the same 8 pixels on."""
CELLS = (5, 4)
"""Height and width of pool_3."""


@cache
def regions() -> npt.NDArray[np.bool_]:
    """Bands over the full width and windows, bool (49, 55, 47)."""
    boxes = [(top, top + rows, 0, WIDTH) for rows, n in _BANDS for top in _starts(HEIGHT, rows, n)]
    boxes += [
        (top, top + rows, left, left + columns)
        for (rows, columns), (down, across) in _WINDOWS
        for top in _starts(HEIGHT, rows, down)
        for left in _starts(WIDTH, columns, across)
    ]
    masks = np.zeros((len(boxes), HEIGHT, WIDTH), bool)
    for mask, (top, bottom, left, right) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return masks


def _starts(length: int, size: int, n: int) -> list[int]:
    """Where `n` stretches of this size begin that cover the whole length evenly."""
    return [round(i * (length - size) / (n - 1)) for i in range(n)]


@cache
def coverage() -> npt.NDArray[np.float32]:
    """How much of what a cell of pool_3 sees lies in a region, float32 (49, 20), 0..1.

    Pixels in the middle of a receptive field count more (Luo et al. 2016, arXiv 1701.04128).
    """
    side = np.minimum(np.arange(1, _FIELD + 1), np.arange(_FIELD, 0, -1))
    field = np.outer(side, side) / side.sum() ** 2
    shares = [
        (regions()[:, y : y + _FIELD, x : x + _FIELD] * field).sum((1, 2))
        for y in range(0, CELLS[0] * _STRIDE, _STRIDE)
        for x in range(0, CELLS[1] * _STRIDE, _STRIDE)
    ]
    return np.stack(shares, 1).astype(np.float32)
