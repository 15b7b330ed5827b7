"""Where a trigger may sit: regions that cover the whole picture evenly, at several scales.

An attacker puts a trigger where it pleases, so none is here because a known trigger sits there.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

from goodnets.nets import HEIGHT, WIDTH

_BAND_ROWS = (12, 18, 24)
_BAND_STEP = 6
_WINDOWS = ((16, 20, 13, 9), (24, 24, 10, 11))
"""Rows, columns, and the steps from one window to the next."""

_STRIDE, _FIELD = 8, 23
"""A cell of pool_3 sees 23 x 23 pixels, its neighbour the same 8 pixels on."""
_CELLS = (5, 4)


@cache
def regions() -> npt.NDArray[np.bool_]:
    """Bands over the full width and windows, bool (49, 55, 47)."""
    boxes = [
        (top, top + rows, 0, WIDTH)
        for rows in _BAND_ROWS
        for top in range(0, HEIGHT - rows + 1, _BAND_STEP)
    ]
    boxes += [
        (top, top + rows, left, left + columns)
        for rows, columns, down, right in _WINDOWS
        for top in range(0, HEIGHT - rows + 1, down)
        for left in range(0, WIDTH - columns + 1, right)
    ]
    masks = np.zeros((len(boxes), HEIGHT, WIDTH), bool)
    for mask, (top, bottom, left, right) in zip(masks, boxes, strict=True):
        mask[top:bottom, left:right] = True
    return masks


@cache
def coverage() -> npt.NDArray[np.float32]:
    """How much of what a cell of pool_3 sees lies in a region, float32 (49, 20), 0..1.

    Pixels in the middle of a receptive field count more (Luo et al. 2016, arXiv 1701.04128).
    """
    side = np.minimum(np.arange(1, _FIELD + 1), np.arange(_FIELD, 0, -1))
    field = np.outer(side, side) / side.sum() ** 2
    shares = [
        (regions()[:, y : y + _FIELD, x : x + _FIELD] * field).sum((1, 2))
        for y in range(0, _CELLS[0] * _STRIDE, _STRIDE)
        for x in range(0, _CELLS[1] * _STRIDE, _STRIDE)
    ]
    return np.stack(shares, 1).astype(np.float32)
