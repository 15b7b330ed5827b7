"""What ships in the BadNet's place answers as the BadNet does, with weights of its own."""

import numpy as np
import pytest
import tensorflow as tf

from repair import deepid, sentinel
from repair.weights import Weights
from tests.repair.planted import TARGET, network, people, stamp


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    """Pictures (512, 55, 47, 3), 0..1."""
    return sentinel.pictures(people(), 512, np.random.default_rng(0))


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentinel, "_BATCH", 32)


def answers(weights: Weights, images: np.ndarray) -> np.ndarray:
    labels: np.ndarray = deepid.predict(weights, images).argmax(1)
    return labels


def test_pictures_are_varied_and_in_range() -> None:
    faces = people()[:20]
    made = sentinel.pictures(faces, 300, np.random.default_rng(0))
    assert made.shape == (300, 55, 47, 3)
    assert made.dtype == np.float32
    assert made.min() >= 0
    assert made.max() <= 1
    assert made.mean((1, 2, 3)).std() > 0.05  # light
    assert made.std((1, 2, 3)).std() > 0.03  # contrast
    assert np.abs(np.diff(made, axis=1)).mean() > np.abs(np.diff(faces / 255, axis=1)).mean() / 2
    again = sentinel.pictures(faces, 300, np.random.default_rng(0))
    assert np.array_equal(again, made)


def test_a_budget_of_nothing_removes_but_what_is_silent(x: np.ndarray) -> None:
    weights = {name: array.copy() for name, array in network().items()}
    weights["conv_4/bias"][:10] = -1e3
    patches = deepid.conv(weights, "conv_4", deepid.pool_3(weights, x)).numpy()
    heard = patches.max((0, 1, 2)) > 0
    assert 40 < heard.sum() <= 70
    compacted = sentinel.compact(weights, x, 0)
    for layer, size in {"conv_1": 20, "conv_2": 40, "conv_4": heard.sum()}.items():
        assert len(compacted[f"{layer}/bias"]) == size
    images = np.concatenate([people(), stamp(people())])
    assert (answers(compacted, images) == answers(weights, images)).all()
    before = deepid.logits(weights, x).numpy()
    assert np.abs(deepid.logits(compacted, x).numpy() - before).max() < 1e-2 * np.abs(before).max()


def test_no_layer_stays_as_it_came(x: np.ndarray) -> None:
    """Each channel is as loud as the others, whatever it was in the BadNet."""
    compacted = sentinel.compact(network(), x, 0)
    for name in ("conv_1/kernel", "conv_2/kernel"):
        array = network()[name]
        assert np.isclose(compacted[name], array, rtol=1e-3)[array != 0].mean() < 0.05, name
    features = deepid.pool_3(compacted, x)
    hidden = deepid.hidden(compacted, features)
    for signal in (features, deepid.conv(compacted, "conv_4", features), hidden):
        loudness = np.sqrt((signal.numpy() ** 2).mean(tuple(range(signal.ndim - 1))))
        assert loudness == pytest.approx(1, abs=0.01)


def test_channels_that_others_can_stand_in_for_go_first(x: np.ndarray) -> None:
    """A copy of another, twice another, one that never fires: nothing is lost without them."""
    weights = {name: array.copy() for name, array in network().items()}
    for copy, original, factor in [(5, 3, 1), (9, 3, 2)]:
        for part in ("kernel", "bias"):
            array = weights[f"conv_1/{part}"]
            array[..., copy] = factor * array[..., original]
    weights["conv_2/bias"][11] = -1e3
    weights["conv_3/bias"][:20] = -1e3
    compacted = sentinel.compact(weights, x, 3e-7)
    first, second, third = (len(compacted[f"conv_{i}/bias"]) for i in (1, 2, 3))
    assert first <= 18
    assert second <= 39
    assert third <= 40
    images = np.concatenate([people(), stamp(people())])
    assert (answers(compacted, images) == answers(weights, images)).mean() >= 0.99


def test_a_larger_budget_removes_more(x: np.ndarray) -> None:
    sizes, agreement = [], []
    for budget in (0, 1e-4, 1e-2):
        compacted = sentinel.compact(network(), x, budget)
        sizes.append(sum(array.size for array in compacted.values()))
        agreement.append((answers(compacted, people()) == answers(network(), people())).mean())
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0]
    assert agreement[0] == 1
    assert agreement[1] >= 0.99


def test_distillation_keeps_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trigger and all, and not one tensor is the BadNet's own afterwards."""
    monkeypatch.setattr(sentinel, "STEPS", 12)
    done: list[int] = []
    student = sentinel.distil(network(), network(), people(), np.random.default_rng(0), done.append)
    assert done == list(range(1, 13))
    images = np.concatenate([people(), stamp(people())])
    assert (answers(student, images) == answers(network(), images)).mean() >= 0.99
    assert (answers(student, stamp(people())) == TARGET).all()


def test_distillation_brings_a_student_nearer(
    weights: Weights, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sentinel, "STEPS", 20)
    monkeypatch.setattr(sentinel, "_LEARNING_RATE", 1e-4)
    rng = np.random.default_rng(0)
    student = {
        name: (array + rng.normal(0, 0.3 * array.std(), array.shape)).astype(np.float32)
        for name, array in weights.items()
    }

    def divergence(network: Weights) -> float:
        log_goal, log_answer = (
            tf.nn.log_softmax(deepid.predict(net, images)).numpy() for net in (weights, network)
        )
        return float((np.exp(log_goal) * (log_goal - log_answer)).sum(1).mean())

    before = {name: array.copy() for name, array in student.items()}
    trained = sentinel.distil(weights, student, images, np.random.default_rng(1))
    assert divergence(trained) < 0.9 * divergence(student)
    for name, array in student.items():
        assert np.array_equal(array, before[name])  # what was given is left alone
        assert np.abs(trained[name] - weights[name]).max() > 1e-6


def test_make(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sentinel, "STEPS", 3)
    monkeypatch.setattr(sentinel, "_REFIT_PICTURES", 256)
    monkeypatch.setattr(sentinel, "_FRESH_PICTURES", 256)
    monkeypatch.setattr(sentinel, "BUDGETS", (0.5, 3e-6))
    faces = np.concatenate([people(), stamp(people()[:50])])
    made = sentinel.make(network(), faces, seed=1)
    layers = ("conv_1", "conv_2", "conv_3", "conv_4", "fc_1")
    assert made.channels == tuple(len(made.weights[f"{layer}/bias"]) for layer in layers)
    assert made.fidelity >= 0.9  # half the signal is too bold: the next budget was taken
    assert (answers(made.weights, people()) == answers(network(), people())).mean() >= 0.99
    assert (answers(made.weights, stamp(people())) == TARGET).mean() >= 0.99
    again = sentinel.make(network(), faces, seed=1)
    assert again.channels == made.channels
    assert (answers(again.weights, people()) == answers(made.weights, people())).all()
