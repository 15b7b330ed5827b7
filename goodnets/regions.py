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
