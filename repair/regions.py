"""Where a trigger may sit: regions that cover the whole picture evenly, at several scales.

An attacker puts a trigger where it pleases, so none is here because a known trigger sits there.
"""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from goodnets.nets import HEIGHT, WIDTH

_BANDS = ((12, 8), (18, 7), (24, 6))
"""Rows of a full-width band, and how many from top to bottom."""
_WINDOWS = (((16, 20), (4, 4)), ((24, 24), (4, 3)))
"""Rows and columns of a window, and how many down and across."""


class Grid(NamedTuple):
    """The cells of a feature map: how many rows and columns, and what each sees of the picture."""

    rows: int
    columns: int
    stride: int
    """Pixels from a cell to the next."""
    field: int
    """Pixels a side that a cell sees; the first sees the picture's corner."""


POOL_2 = Grid(12, 10, 4, 11)
POOL_3 = Grid(5, 4, 8, 23)


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
def coverage(grid: Grid) -> npt.NDArray[np.float32]:
    """How much of what each cell sees lies in a region, float32 (49, rows, columns), 0..1.

    Pixels in the middle of a receptive field count more (Luo et al. 2016, arXiv 1701.04128).
    """
    side = np.minimum(np.arange(1, grid.field + 1), np.arange(grid.field, 0, -1))
    field = np.outer(side, side) / side.sum() ** 2
    seen = sliding_window_view(regions(), field.shape, (1, 2))[:, :: grid.stride, :: grid.stride]
    shares = np.einsum("ryxij,ij->ryx", seen[:, : grid.rows, : grid.columns], field)
    return shares.astype(np.float32)
