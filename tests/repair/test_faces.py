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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Of whom dreams were asked, each time; nothing is remembered from before."""
    labels_asked: list[np.ndarray] = []

    def dream(weights: object, labels: np.ndarray, **options: object) -> np.ndarray:
        labels_asked.append(labels)
        return people()[: len(labels)]

    monkeypatch.setattr(faces, "dream", dream)
    monkeypatch.setattr(faces, "_dreamed", {})
    return labels_asked


def test_dreams_have_no_true_label(asked: list[np.ndarray]) -> None:
    images, labels = faces.given_or_dreamed(NET, no_images(), Stages(), 3, 40)
    assert len(images) == len(labels) == 40
    assert (labels == -1).all()
    assert len(set(asked[0].tolist())) == 40


def test_each_person_is_dreamed_as_often(asked: list[np.ndarray]) -> None:
    images, _ = faces.given_or_dreamed(NET, no_images(), Stages(), 3, 20, each=3)
    assert len(images) == 60
    assert (np.unique(asked[0], return_counts=True)[1] == 3).all()


def test_the_same_dreams_are_dreamed_once(asked: list[np.ndarray]) -> None:
    stages, again_stages = Stages(), Stages()
    first, _ = faces.given_or_dreamed(NET, no_images(), stages, 3, 40)
    again, _ = faces.given_or_dreamed(NET, no_images(), again_stages, 3, 40)
    assert again is first
    assert stages.saved == 0 < again_stages.saved  # who uses them again counts their seconds
    for other in (BadNet("other", "1" * 64, network()), NET):
        faces.given_or_dreamed(other, no_images(), Stages(), 4, 40)
    assert len(asked) == 3
