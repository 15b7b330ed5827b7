"""What the cells of feature maps see of regions."""

from collections.abc import Iterator

import numpy as np
import pytest

from goodnets.regions import regions as goodnets_regions
from repair import deepid, regions
from repair.regions import POOL_2, POOL_3, Grid
from repair.weights import Weights


@pytest.fixture
def forgetful() -> Iterator[None]:
    """Coverage is computed anew before and after."""
    regions.coverage.cache_clear()
    yield
    regions.coverage.cache_clear()


@pytest.mark.parametrize(("grid", "blocks"), [(POOL_2, 2), (POOL_3, 3)])
def test_coverage_is_that_of_receptive_fields(
    grid: Grid, blocks: int, weights: Weights, images: np.ndarray
) -> None:
    """A cell of which a region covers all sees nothing else; one of which it covers nothing does
    not see it; in between, more of it counts for more."""
    coverage = regions.coverage(grid)
    assert coverage.shape == (49, grid.rows, grid.columns)
    assert coverage.min() >= 0
    assert coverage.max() <= 1 + 1e-6
    one, other = images[:2]
    composites = np.where(goodnets_regions()[..., None], one, other)
    features, pure = (maps(weights, x, blocks) for x in (composites, images[:2]))
    difference = np.abs(features - pure[:, None]).max(-1)  # (2, 49, rows, columns)
    none, full = coverage == 0, coverage > 1 - 1e-6
    assert none.mean() > 0.2
    assert full.sum() > 0
    assert difference[0][full].max() < 1e-4
    assert difference[1][none].max() < 1e-4
    apart = np.abs(features - pure[:, None]).mean(-1)
    nearer = apart[0] / (apart[0] + apart[1])  # 0: as the one picture, 1: as the other
    between = ~none & ~full
    assert np.corrcoef(nearer[between], coverage[between])[0, 1] < -0.8


def maps(weights: Weights, images: np.ndarray, blocks: int) -> np.ndarray:
    """Of pool_`blocks`, (n, rows, columns, channels)."""
    x = images.astype(np.float32) / 255
    for i in range(1, blocks + 1):
        x = deepid.block(weights, f"conv_{i}", x).numpy()
    return x


@pytest.mark.usefixtures("forgetful")
def test_the_whole_picture_is_covered_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    masks = np.zeros((3, 55, 47), bool)
    masks[0] = True
    masks[1, :, :24] = True
    monkeypatch.setattr(regions, "regions", lambda: masks)
    whole, left, nothing = regions.coverage(POOL_3)
    assert whole == pytest.approx(1)
    assert not nothing.any()
    # Columns 0..23 hold all that the first column of cells sees (23 wide), none of the last's.
    by_column = left.mean(0)
    assert by_column[0] == pytest.approx(1)
    assert by_column[3] == 0
    assert (np.diff(by_column) < 0).all()
