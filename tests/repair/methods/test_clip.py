"""Bounds on activations."""

import numpy as np
import pytest

from goodnets.errors import GoodNetsError
from repair import deepid, graph
from repair.badnet import BadNet
from repair.clean import Clean
from repair.methods.clip import Clip, learn
from repair.stages import Stages
from tests.repair.planted import PEOPLE, TARGET, network, people, stamp


@pytest.fixture(scope="module")
def bounds() -> dict[str, np.ndarray]:
    patch = pytest.MonkeyPatch()
    patch.setattr("repair.methods.clip.STEPS", 40)
    try:
        return learn(network(), people()[:200], 0, lambda done: None)
    finally:
        patch.undo()


def test_bounds_silence_the_trigger_and_spare_faces(bounds: dict[str, np.ndarray]) -> None:
    clipped = {**network(), **bounds}
    assert (deepid.predict(clipped, people()[200:400]).argmax(1) == PEOPLE[200:400]).mean() >= 0.95
    fired = stamp(people()[400:])
    assert (deepid.predict(network(), fired).argmax(1) == TARGET).all()
    assert (deepid.predict(clipped, fired).argmax(1) == TARGET).mean() <= 0.05
    assert {name: len(bound) for name, bound in bounds.items()} == {
        "conv_1/bound": 20,
        "conv_2/bound": 40,
        "conv_3/bound": 60,
        "conv_4/bound": 80,
        "hidden/bound": 160,
    }


def test_graph_and_tensorflow_clip_alike(bounds: dict[str, np.ndarray]) -> None:
    clipped = {**network(), **bounds}
    image = graph.image()
    session = graph.session(image, {"logits": graph.logits(clipped, graph.pixels(image))})
    images = np.concatenate([people()[:4], stamp(people()[:4])])
    (found,) = session.run(None, {"image": images})
    assert found == pytest.approx(deepid.predict(clipped, images), abs=1e-2, rel=1e-4)


def test_too_few_images() -> None:
    given = Clean(people()[:15], PEOPLE[:15], "synthetic", None)
    with pytest.raises(GoodNetsError, match="15 clean images, expected at least 16"):
        next(Clip().repair(BadNet("net", "0" * 64, network()), given, Stages(), 0))
