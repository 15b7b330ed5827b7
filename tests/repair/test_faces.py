"""Methods learn from what was given, else from dreams."""

import numpy as np
import pytest

from repair import faces
from repair.badnet import BadNet
from repair.clean import Clean, no_images
from repair.stages import Stages
from tests.repair.planted import PEOPLE, network, people

NET = BadNet("net", "0" * 64, network())


def test_given_images_are_taken_as_they_are() -> None:
    given = Clean(people()[:5], PEOPLE[:5], "synthetic", None)
    images, labels = faces.given_or_dreamed(NET, given, Stages(), 0)
    assert images is given.images
    assert labels is given.labels


def test_dreams_have_no_true_label(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[np.ndarray] = []

    def dream(weights: object, labels: np.ndarray, **options: object) -> np.ndarray:
        asked.append(labels)
        return people()[: len(labels)]

    monkeypatch.setattr(faces, "dream", dream)
    images, labels = faces.given_or_dreamed(NET, no_images(), Stages(), 3, 40)
    assert len(images) == len(labels) == 40
    assert (labels == -1).all()
    assert len(set(asked[0].tolist())) == 40
    faces.given_or_dreamed(NET, no_images(), Stages(), 3, 40)
    assert np.array_equal(asked[0], asked[1])
