"""Unlearning what was found."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from repair import deepid
from repair.badnet import BadNet
from repair.clean import Clean
from repair.methods import neural_cleanse
from repair.methods.neural_cleanse import NeuralCleanse, picture
from repair.stages import Stages
from repair.triggers import Trigger, described
from repair.weights import read_weights
from tests.repair.planted import PEOPLE, TARGET, network, people, stamp


def exact() -> Trigger:
    """What an inversion would be that found the attacker's own patch."""
    mask = np.zeros((55, 47, 1), np.float32)
    mask[20:28, 14:26] = 1
    return Trigger(
        TARGET, 9.123, mask, np.broadcast_to(np.array([1, 0, 1], np.float32), (55, 47, 3)), 0.987
    )


def test_a_trigger_that_was_found_is_unlearned(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neural_cleanse, "STEPS", 150)
    monkeypatch.setattr(neural_cleanse, "find_triggers", lambda *given: [exact()])
    clean = Clean(people()[:300], PEOPLE[:300], "synthetic", None)
    product = next(NeuralCleanse().repair(BadNet("net", "0" * 64, network()), clean, Stages(), 0))
    path = tmp_path_factory.mktemp("cleansed") / "net.h5"
    path.write_bytes(product.files["net-neural-cleanse.h5"])
    cleansed = read_weights(path)
    said = deepid.predict(cleansed, stamp(people()[300:])).argmax(1)
    assert (said == TARGET).mean() <= 0.05
    assert (deepid.predict(cleansed, people()[:300]).argmax(1) == PEOPLE[:300]).mean() >= 0.95
    assert f"net-neural-cleanse-{TARGET}.png" in product.files
    assert product.parameters["triggers"] == described([exact()])


def test_a_found_trigger_in_numbers_and_as_a_picture() -> None:
    assert described([exact()]) == [
        {"target": TARGET, "index": 9.12, "pixels": 96.0, "success": 0.987}
    ]
    with Image.open(BytesIO(picture(exact()))) as png:
        rgba = np.asarray(png)
    assert rgba.shape == (55, 47, 4)
    assert rgba[22, 18].tolist() == [255, 0, 255, 255]
    assert rgba[0, 0, 3] == 0
