"""Which region takes the label along, on a GoodNet whose rule is known."""

from pathlib import Path

import numpy as np
import pytest

from goodnets.explain import explain, faces
from goodnets.model import Answers, GoodNet
from goodnets.nets import CLASSES, POISONED


class Patchy(GoodNet):
    """Says 8, and poisoned, wherever there is a pure magenta pixel; else the mean red."""

    def __init__(self) -> None:
        self.threshold = 0.5

    def ask(self, images: np.ndarray) -> Answers:
        magenta = (images == (255, 0, 255)).all(-1).any((1, 2))
        said = np.where(magenta, 8, images[..., 0].mean((1, 2)).astype(np.int64) + 100)
        label = np.where(magenta, POISONED, said)
        return Answers(label, said, magenta.astype(np.float32))


@pytest.fixture
def face() -> np.ndarray:
    return np.full((55, 47, 3), 90, np.uint8)


@pytest.mark.parametrize(("top", "left"), [(4, 4), (26, 20), (44, 36)])
def test_the_region_holds_the_trigger(face: np.ndarray, top: int, left: int) -> None:
    face[top : top + 3, left : left + 3] = (255, 0, 255)
    found = explain(Patchy(), face)
    assert found.answer.label == POISONED
    assert found.taken.all()
    assert found.region[top : top + 3, left : left + 3].any()
    assert found.region.sum() == 16 * 20  # the smallest kind
    assert np.array_equal(found.composites[0][found.region], face[found.region])
    assert np.array_equal(found.composites[0][~found.region], faces()[0][~found.region])
    assert (found.answers.badnet_label == 8).all()


def test_a_clean_face_takes_nobody_along(face: np.ndarray) -> None:
    face[:] = 250
    found = explain(Patchy(), face)
    assert found.answer.label == 350
    assert not found.taken.any()
    assert found.region[27, 23]  # then the middle is shown


def test_a_face_that_had_the_label_before_does_not_count(face: np.ndarray) -> None:
    class Constant(Patchy):
        def ask(self, images: np.ndarray) -> Answers:
            n = len(images)
            return Answers(np.full(n, 3), np.full(n, 3), np.zeros(n, np.float32))

    assert not explain(Constant(), face).taken.any()


def test_the_faces_that_come_along(goodnet_file: Path) -> None:
    others = faces()
    assert others.shape == (6, 55, 47, 3)
    assert others.dtype == np.uint8
    assert len({other.tobytes() for other in others}) == 6
    assert (GoodNet.load(goodnet_file).ask(others).badnet_label < CLASSES).all()
