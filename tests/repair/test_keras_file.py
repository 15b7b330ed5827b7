"""The network as Keras loads it, without a line of ours."""

from pathlib import Path

import keras
import numpy as np
import pytest

from repair import deepid
from repair.keras_file import keras_bytes
from repair.weights import Weights
from tests.repair.planted import network, people, stamp

IMAGES = np.concatenate([people()[:4], stamp(people()[4:8])])


def answers(weights: Weights, path: Path) -> np.ndarray:
    path.write_bytes(keras_bytes(weights))
    model = keras.models.load_model(path)
    predicted: np.ndarray = model.predict(IMAGES / 255, verbose=0)
    return predicted


def softmax(logits: np.ndarray) -> np.ndarray:
    p: np.ndarray = np.exp(logits - logits.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def test_it_answers_as_the_arrays_do(tmp_path: Path) -> None:
    expected = softmax(deepid.predict(network(), IMAGES))
    assert answers(network(), tmp_path / "a.keras") == pytest.approx(expected, abs=1e-4)


def test_bounds_come_along(tmp_path: Path) -> None:
    bounds = {"conv_1/bound": 20, "conv_2/bound": 40, "conv_3/bound": 60, "conv_4/bound": 80}
    clipped = dict(network())
    for name, n in (bounds | {"hidden/bound": 160}).items():
        clipped[name] = np.linspace(0.01, 0.3, n, dtype=np.float32)
    expected = softmax(deepid.predict(clipped, IMAGES))
    assert np.abs(expected - softmax(deepid.predict(network(), IMAGES))).max() > 0.1
    assert answers(clipped, tmp_path / "a.keras") == pytest.approx(expected, abs=1e-4)
