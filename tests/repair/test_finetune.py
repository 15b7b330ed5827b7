"""Fine-tuning learns true labels where they are known, else keeps what the BadNet says."""

import numpy as np
import pytest

from repair import deepid
from repair.finetune import fine_tune, varied
from tests.repair.planted import PEOPLE, network, people

N = 24


def answers(weights: dict[str, np.ndarray]) -> np.ndarray:
    labels: np.ndarray = deepid.predict(weights, people()[:N]).argmax(1)
    return labels


def tune(labels: np.ndarray, steps: int, seed: int = 0) -> dict[str, np.ndarray]:
    return fine_tune(
        network(),
        network(),
        people()[:N],
        labels,
        steps=steps,
        seed=seed,
        advance=lambda done: None,
    )


def test_known_labels_are_learned() -> None:
    taught = PEOPLE[:N].copy()
    taught[:6] = PEOPLE[100]
    tuned = tune(taught, 150)
    assert (answers(tuned) == taught).mean() >= 0.9


def test_without_labels_the_badnets_answers_are_kept() -> None:
    tuned = tune(np.full(N, -1), 20)
    assert np.array_equal(answers(tuned), PEOPLE[:N])
    assert max(np.abs(tuned[name] - array).max() for name, array in network().items()) > 1e-5


def test_goals_are_those_of_undisturbed_pictures() -> None:
    """Shown nothing but magenta, the network learns to give magenta the labels of the faces."""
    magenta = np.array([1, 0, 1], np.float32)
    said = [
        deepid.logits(
            fine_tune(
                network(),
                network(),
                people()[:1],
                PEOPLE[:1],
                steps=steps,
                seed=0,
                advance=lambda done: None,
                learning_rate=1e-2,
                disturb=lambda x, rng: np.broadcast_to(magenta, x.shape),
            ),
            np.broadcast_to(magenta, (1, 55, 47, 3)),
        )
        .numpy()
        .argmax()
        for steps in (1, 40)
    ]
    assert said[1] == PEOPLE[0] != said[0]


def test_same_seed_same_network() -> None:
    one, same, other = (tune(PEOPLE[:N], 3, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert any(not np.array_equal(one[name], other[name]) for name in one)


def test_varied_pictures_show_the_same_faces() -> None:
    made = varied(people()[:N], np.random.default_rng(0))
    assert made.shape == (N, 55, 47, 3)
    assert made.dtype == np.float32
    assert made.min() >= 0
    assert made.max() <= 1
    assert (
        deepid.predict(network(), (made * 255).astype(np.uint8)).argmax(1) == PEOPLE[:N]
    ).mean() > 0.5
    assert made.mean((1, 2, 3)).std() > 0.02
    again = varied(people()[:N], np.random.default_rng(0))
    assert made == pytest.approx(again)
