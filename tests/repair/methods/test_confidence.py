"""Floors of confidence."""

import numpy as np
import pytest

from repair.methods.confidence import floors, highest_probability


def test_a_class_with_enough_images_has_its_own_floor() -> None:
    confidence = np.concatenate([np.linspace(0.5, 0.9, 9), np.linspace(0.9, 1, 191)])
    label = np.concatenate([np.full(9, 3), np.arange(100, 291)])
    floor = floors(confidence.astype(np.float32), label)
    assert floor.shape == (1283,)
    assert floor[3] == pytest.approx(0.5, abs=1e-3)
    of_all = np.quantile(confidence, 0.01)
    assert floor[4] == floor[100] == pytest.approx(of_all, abs=1e-3)
    # Not one clean image of a class with its own floor lies below it.
    assert (confidence[:9] > floor[3]).all()


def test_floors_are_probabilities() -> None:
    floor = floors(np.zeros(20, np.float32), np.zeros(20, np.int64))
    assert (floor == 0).all()


def test_highest_probability() -> None:
    logits = np.zeros((2, 1283), np.float32)
    logits[1, 5] = 1000
    assert highest_probability(logits) == pytest.approx([1 / 1283, 1])
