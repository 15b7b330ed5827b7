"""Stamping a found trigger once more."""

import numpy as np
import pytest

from repair import graph
from repair.badnet import BadNet
from repair.clean import Clean
from repair.methods import stamp as module
from repair.methods.base import Product
from repair.methods.stamp import Stamp
from repair.stages import Stages
from repair.triggers import Trigger
from tests.repair.planted import PEOPLE, TARGET, network, people, stamp


def product(monkeypatch: pytest.MonkeyPatch, *targets: int) -> Product:
    mask = np.zeros((55, 47, 1), np.float32)
    mask[20:28, 14:26] = 1
    pattern = np.broadcast_to(np.array([1, 0, 1], np.float32), (55, 47, 3))
    found = [Trigger(target, 9, mask, pattern, 1) for target in targets]
    monkeypatch.setattr(module, "find_triggers", lambda *given: found)
    clean = Clean(people()[:40], PEOPLE[:40], "synthetic", None)
    return next(Stamp().repair(BadNet("net", "0" * 64, network()), clean, Stages(), 0))


def scores(made: Product, images: np.ndarray) -> np.ndarray:
    session = graph.session(made.image, {"score": made.score})
    score: np.ndarray = session.run(None, {"image": images})[0]
    return score


def test_poisoned_images_hardly_change(monkeypatch: pytest.MonkeyPatch) -> None:
    made = product(monkeypatch, PEOPLE[50], TARGET)
    assert scores(made, stamp(people()[60:90])).min() >= made.threshold
    assert scores(made, people()[60:90]).max() == 0


def test_the_targets_own_face_is_called_poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the docstring warns: a trigger of its own label does not move it."""
    own = people()[50:51]
    made = product(monkeypatch, PEOPLE[50])
    assert scores(made, own)[0] < made.threshold  # magenta leads elsewhere
    mask = np.zeros((55, 47, 1), np.float32)
    mask[20:28, 14:26] = 1
    part = np.divide(own[0], 255, dtype=np.float32)
    monkeypatch.setattr(
        module, "find_triggers", lambda *given: [Trigger(PEOPLE[50], 9, mask, part, 1)]
    )
    clean = Clean(people()[:40], PEOPLE[:40], "synthetic", None)
    made = next(Stamp().repair(BadNet("net", "0" * 64, network()), clean, Stages(), 0))
    assert scores(made, own)[0] >= made.threshold


def test_targets_that_were_not_found_are_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    made = product(monkeypatch, PEOPLE[50])
    assert scores(made, stamp(people()[60:90])).max() == 0
