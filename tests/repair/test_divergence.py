"""How alike two answers are, in the graph and of arrays."""

import numpy as np
import onnxruntime as ort
import pytest
from spox import Tensor, argument, build

from repair.divergence import likeness, likeness_of


def logits(seed: int, loud: float = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, loud, (6, 1283)).astype(np.float32)


def test_graph_and_arrays_agree() -> None:
    before, after = logits(0), (logits(0) + 0.3 * logits(1, 1)).astype(np.float32)
    a, b = (argument(Tensor(np.float32, ("n", 1283))) for _ in "ab")
    model = build({"a": a, "b": b}, {"y": likeness(a, b)}).SerializeToString()
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"a": before, "b": after})
    assert found == pytest.approx(likeness_of(before, after), abs=1e-4)
    assert 0.2 < found.mean() < 1


def test_the_same_is_1_the_opposite_near_0() -> None:
    assert likeness_of(logits(0), logits(0) + 7) == pytest.approx(1, abs=1e-5)
    assert likeness_of(logits(0, 30), logits(1, 30)).max() < 0.01
