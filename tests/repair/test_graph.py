"""The ONNX graph and TensorFlow are one and the same network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import spox
from hypothesis import given, settings
from hypothesis import strategies as st

from goodnets.model import GoodNet
from goodnets.nets import POISONED
from repair import deepid, graph
from repair.graph import op
from repair.weights import Weights


def session(model: bytes) -> ort.InferenceSession:
    return ort.InferenceSession(model, providers=["CPUExecutionProvider"])


def run(weights: Weights, images: np.ndarray) -> list[np.ndarray]:
    image = graph.image()
    x = graph.pixels(image)
    f = graph.pool_3(weights, x)
    outputs = {"x": x, "f": f, "logits": graph.logits_from_pool_3(weights, f)}
    model = spox.build({"image": image}, outputs).SerializeToString()
    return list(session(model).run(None, {"image": images}))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 5))
def test_as_tensorflow(random_weights: Callable[[int], Weights], seed: int, n: int) -> None:
    weights = random_weights(seed)
    images = np.random.default_rng(seed).integers(0, 256, (n, 55, 47, 3), np.uint8)
    x, f, logits = run(weights, images)
    assert np.abs(x.transpose(0, 2, 3, 1) - images / 255).max() < 1e-6
    assert np.abs(f.transpose(0, 2, 3, 1) - deepid.predict_pool_3(weights, images)).max() < 1e-4
    assert np.abs(logits - deepid.predict(weights, images)).max() < 1e-4


def test_any_numbers_of_channels(images: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    shapes = {
        "conv_1": (4, 4, 3, 7),
        "conv_2": (3, 3, 7, 9),
        "conv_3": (3, 3, 9, 11),
        "conv_4": (2, 2, 11, 5),
        "fc_1": (5 * 4 * 11, 13),
        "fc_2": (4 * 3 * 5, 13),
        "output": (13, 1283),
    }
    weights = {
        f"{layer}/{part}": rng.normal(0, 0.1, shape).astype(np.float32)
        for layer, kernel in shapes.items()
        for part, shape in (("kernel", kernel), ("bias", kernel[-1:]))
    }
    _, f, logits = run(weights, images)
    assert f.shape == (40, 11, 5, 4)
    assert np.abs(logits - deepid.predict(weights, images)).max() < 1e-4


def test_batches_change_nothing(
    weights: Weights, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = deepid.predict(weights, images)
    monkeypatch.setattr(deepid, "BATCH", 7)
    assert np.abs(deepid.predict(weights, images) - whole).max() < 1e-4


def goodnet(weights: Weights, threshold: float) -> bytes:
    """A GoodNet whose score is the brightness of the first pixel."""
    image = graph.image()
    x = graph.pixels(image)
    score = op.slice(x, op.const([0, 0, 0]), op.const([1, 1, 1]), op.const([1, 2, 3]))
    return graph.goodnet_bytes(
        image,
        graph.answer(graph.logits(weights, x)),
        op.reshape(score, op.const([-1])),
        threshold,
        name="net",
        method="brightness",
        badnet_sha256="0" * 64,
    )


@pytest.mark.parametrize("threshold", [0.0, 51 / 255, 0.5, 1.0])
def test_goodnet_file(
    weights: Weights, images: np.ndarray, tmp_path: Path, threshold: float
) -> None:
    (tmp_path / "net.onnx").write_bytes(goodnet(weights, threshold))
    images = images.copy()
    images[:5, 0, 0, 0] = [0, 51, 127, 128, 255]
    net = GoodNet.load(tmp_path / "net.onnx")
    answers = net.ask(images)
    assert (net.name, net.method, net.threshold) == ("net", "brightness", threshold)
    assert np.array_equal(answers.badnet_label, deepid.predict(weights, images).argmax(axis=1))
    fires = images[:, 0, 0, 0] / np.float32(255) >= np.float32(threshold)
    assert np.array_equal(answers.label == POISONED, fires)


def test_the_same_bytes_and_old_enough_versions(weights: Weights) -> None:
    model = goodnet(weights, 0.5)
    assert model == goodnet(weights, 0.5)
    proto = onnx.load_from_string(model)
    assert proto.ir_version <= 8
    assert [opset.domain for opset in proto.opset_import] == [""]
    assert proto.opset_import[0].version <= 18


def test_a_layer_used_twice_is_stored_once(weights: Weights, images: np.ndarray) -> None:
    image = graph.image()
    x = graph.pixels(image)
    one, two = (graph.answer(graph.logits(weights, x)) for _ in range(2))
    (inner,) = op.if_(  # names of the outer graph are used in an inner one too
        op.const(np.array(True)),
        then_branch=lambda: [op.cast(op.equal(one, two), to=np.float32)],
        else_branch=lambda: [op.cast(op.add(one, two), to=np.float32)],
    )
    model = graph.goodnet_bytes(
        image, one, inner, 0.5, name="net", method="twice", badnet_sha256="0" * 64
    )
    assert len(model) < 1.1 * sum(array.nbytes for array in weights.values())
    (label,) = session(model).run(["label"], {"image": images})
    assert (label == POISONED).all()
