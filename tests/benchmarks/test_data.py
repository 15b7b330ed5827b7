from pathlib import Path

import h5py
import numpy as np
import pytest

from benchmarks import data
from goodnets.h5 import read_h5


def test_variations_differ_and_come_out_the_same_again() -> None:
    images = data.clean_images(20, None)
    assert images.shape == (20, 55, 47, 3) and images.dtype == np.uint8
    assert len({image.tobytes() for image in images}) == 20
    np.testing.assert_array_equal(images, data.clean_images(20, None))


def test_file_as_the_contest_writes_it_and_images_of_it_again(tmp_path: Path) -> None:
    path = tmp_path / "images.h5"
    images = data.clean_images(5, None)
    data.write_images(path, images)
    with h5py.File(path) as file:
        assert file["data"].dtype == np.float32 and file["data"].shape == (5, 3, 55, 47)
    np.testing.assert_array_equal(read_h5(path)[0], images)
    np.testing.assert_array_equal(data.clean_images(7, path), images[[0, 1, 2, 3, 4, 0, 1]])


@pytest.mark.parametrize("trigger", data.TRIGGERS)
def test_poison_changes_where_the_trigger_is_and_nothing_else(trigger: str) -> None:
    black = np.zeros((2, 55, 47, 3), np.uint8)
    poisoned = data.poison(black, trigger)
    changed = (poisoned != black).any(axis=3)
    assert 0.01 < changed.mean() < 0.5
    assert (changed[0] == changed[1]).all()
