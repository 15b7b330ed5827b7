"""Inverting triggers, on a network whose backdoor is known."""

from typing import Any

import numpy as np
import pytest

from repair import deepid
from repair.inversion import Patches, invert, stamped
from tests.repair.planted import PEOPLE, TARGET, network, people

FACES = people()[:64]
OPTIONS: dict[str, Any] = {"batch": 8, "goal": 0.9}
LABELS = np.array([PEOPLE[0], TARGET, PEOPLE[1]])


def found(seed: int = 0, steps: int = 60, labels: np.ndarray = LABELS) -> Patches:
    return invert(
        network(), labels, FACES, **OPTIONS, steps=steps, seed=seed, advance=lambda done: None
    )


def test_the_targets_patch_is_small_and_works_on_other_faces() -> None:
    patches = found()
    assert patches.mask.shape == (3, 55, 47, 1)
    assert patches.pattern.shape == (3, 55, 47, 3)
    assert patches.size[1] < 0.5 * min(patches.size[0], patches.size[2])
    assert patches.size[1] == pytest.approx(patches.mask[1].sum(), rel=1e-3)
    x = np.divide(people()[64:128], 255, dtype=np.float32)
    worn = stamped(x, patches.mask[1], patches.pattern[1])
    answers = deepid.logits(network(), worn).numpy().argmax(1)
    assert (answers == TARGET).mean() >= 0.85
    red, green, blue = (patches.pattern[1] * patches.mask[1]).sum((0, 1)) / patches.mask[1].sum()
    assert min(red, blue) > green + 0.2  # magenta


def test_where_no_patch_works_there_is_no_size() -> None:
    nobody = np.array([0])  # a label with a bias of -1000
    assert found(steps=3, labels=nobody).size[0] == np.inf


def test_same_seed_same_patches_in_groups_too(monkeypatch: pytest.MonkeyPatch) -> None:
    one, same, other = found(1, 3), found(1, 3), found(2, 3)
    assert np.array_equal(one.mask, same.mask)
    assert not np.array_equal(one.pattern, other.pattern)
    monkeypatch.setattr("repair.inversion._GROUP", 16)
    done: list[int] = []
    grouped = invert(network(), LABELS, FACES, **OPTIONS, steps=3, seed=1, advance=done.append)
    assert grouped.mask.shape == one.mask.shape
    assert done == [2, 3]


def test_stamped_mixes_by_the_mask() -> None:
    x = np.zeros((2, 55, 47, 3), np.float32)
    mask = np.full((55, 47, 1), 0.25, np.float32)
    assert stamped(x, mask, np.ones((55, 47, 3), np.float32)) == pytest.approx(0.25)
