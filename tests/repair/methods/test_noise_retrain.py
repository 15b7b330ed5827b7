"""Coarse noise on half of the pictures."""

import numpy as np

from repair.methods.noise_retrain import noisy


def test_half_of_the_pictures_get_blocks_of_random_colour() -> None:
    x = np.full((400, 55, 47, 3), 0.5, np.float32)
    y = noisy(x, np.random.default_rng(0))
    assert y.dtype == np.float32
    assert y.min() >= 0
    assert y.max() <= 1
    changed = (y != x).any(-1)  # (400, 55, 47)
    shares = changed.mean((1, 2))
    assert 0.4 < (shares > 0).mean() < 0.6
    assert 0.1 < shares[shares > 0].min() < shares.max() < 0.75
    block = y[:, 8:12, 12:16]
    assert (block == block[:, :1, :1]).all()
    assert (x == 0.5).all()


def test_same_seed_same_noise() -> None:
    x = np.zeros((8, 55, 47, 3), np.float32)
    one, same, other = (noisy(x, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
