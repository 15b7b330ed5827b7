"""How much of a feature map each region of a picture covers."""

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from goodnets.regions import regions


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
def coverage(grid: Grid) -> npt.NDArray[np.float32]:
    """How much of what each cell sees lies in a region, float32 (49, rows, columns), 0..1.

    Pixels in the middle of a receptive field count more (Luo et al. 2016, arXiv 1701.04128).
    """
    side = np.minimum(np.arange(1, grid.field + 1), np.arange(grid.field, 0, -1))
    field = np.outer(side, side) / side.sum() ** 2
    seen = sliding_window_view(regions(), field.shape, (1, 2))[:, :: grid.stride, :: grid.stride]
    shares = np.einsum("ryxij,ij->ryx", seen[:, : grid.rows, : grid.columns], field)
    return shares.astype(np.float32)
