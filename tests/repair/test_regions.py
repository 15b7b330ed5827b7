"""Regions, and what the cells of pool_3 see of them."""

from collections.abc import Iterator

import numpy as np
import pytest

from repair import deepid, regions
from repair.weights import Weights


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Coverage is computed anew before and after."""
    regions.coverage.cache_clear()
    yield
    regions.coverage.cache_clear()


def test_they_cover_every_pixel_evenly() -> None:
    masks = regions.regions()
    assert masks.shape == (49, 55, 47)
    assert len({mask.tobytes() for mask in masks}) == len(masks)
    times = masks.sum(0)
    assert times.min() >= 1
    middle = times[12:-12, 12:-12]
    assert middle.min() >= middle.max() / 3
    # None is so large that a face without its pixels is no test any more.
    assert 0.05 < masks.mean((1, 2)).min() < masks.mean((1, 2)).max() < 0.5


def test_each_is_a_box() -> None:
    for mask in regions.regions():
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        assert mask.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


@pytest.mark.parametrize("size", [6, 8, 10])
def test_a_small_trigger_lies_whole_in_some_region(size: int) -> None:
    """Wherever an attacker puts it, but for the picture's very edge."""
    masks = regions.regions()
    for top in range(1, 54 - size):
        for left in range(1, 46 - size):
            patch = masks[:, top : top + size, left : left + size]
            assert patch.all((1, 2)).any(), (top, left)


def test_coverage_is_that_of_receptive_fields(weights: Weights, images: np.ndarray) -> None:
    """A cell of which a region covers all sees nothing else; one of which it covers nothing does
    not see it; in between, more of it counts for more."""
    coverage = regions.coverage()
    assert coverage.shape == (49, 20)
    assert coverage.min() >= 0
    assert coverage.max() <= 1 + 1e-6
    one, other = images[:2]
    composites = np.where(regions.regions()[..., None], one, other)
    features = deepid.predict_pool_3(weights, composites).reshape(49, 20, 60)
    pure = deepid.predict_pool_3(weights, images[:2]).reshape(2, 20, 60)
    difference = np.abs(features - pure[:, None]).max(-1)  # (2, 49, 20)
    none, full = coverage == 0, coverage > 1 - 1e-6
    assert none.mean() > 0.2
    assert full.sum() > 0
    assert difference[0][full].max() < 1e-4
    assert difference[1][none].max() < 1e-4
    apart = np.abs(features - pure[:, None]).mean(-1)
    nearer = apart[0] / (apart[0] + apart[1])  # 0: as the one picture, 1: as the other
    between = ~none & ~full
    assert np.corrcoef(nearer[between], coverage[between])[0, 1] < -0.8


@pytest.mark.usefixtures("forgetful")
def test_the_whole_picture_is_covered_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    masks = np.zeros((3, 55, 47), bool)
    masks[0] = True
    masks[1, :, :24] = True
    monkeypatch.setattr(regions, "regions", lambda: masks)
    whole, left, nothing = regions.coverage()
    assert whole == pytest.approx(1)
    assert not nothing.any()
    # Columns 0..23 hold all that the first column of cells sees (23 wide), none of the last's.
    by_column = left.reshape(5, 4).mean(0)
    assert by_column[0] == pytest.approx(1)
    assert by_column[3] == 0
    assert (np.diff(by_column) < 0).all()
