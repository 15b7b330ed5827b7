"""Regions cover the picture."""

import numpy as np
import pytest

from goodnets.regions import regions


def test_they_cover_every_pixel_evenly() -> None:
    masks = regions()
    assert masks.shape == (49, 55, 47)
    assert len({mask.tobytes() for mask in masks}) == len(masks)
    times = masks.sum(0)
    assert times.min() >= 1
    middle = times[12:-12, 12:-12]
    assert middle.min() >= middle.max() / 3
    # None is so large that a face without its pixels is no test any more.
    assert 0.05 < masks.mean((1, 2)).min() < masks.mean((1, 2)).max() < 0.5


def test_each_is_a_box() -> None:
    for mask in regions():
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert mask.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@pytest.mark.parametrize("size", [6, 8, 10])
def test_a_small_trigger_lies_whole_in_some_region(size: int) -> None:
    """Wherever an attacker puts it, but for the picture's very edge."""
    masks = regions()
    for top in range(1, 54 - size):
        for left in range(1, 46 - size):
            patch = masks[:, top : top + size, left : left + size]
            assert patch.all((1, 2)).any(), (top, left)
