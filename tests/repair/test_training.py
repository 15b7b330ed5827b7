"""The training loop that methods share."""

import numpy as np
import pytest
import tensorflow as tf

from repair.training import Variables, divergence, relit, train

GOAL = np.array([1.0, -2.0, 3.0], np.float32)


def loss(variables: Variables, x: tf.Tensor) -> tf.Tensor:
    return tf.reduce_mean((variables["w"] * x - GOAL * x) ** 2)


def batch() -> tuple[np.ndarray]:
    return (np.ones((4, 3), np.float32),)


def test_it_finds_what_the_loss_asks_for() -> None:
    start = {"w": np.zeros(3, np.float32)}
    done: list[int] = []
    trained = train(start, loss, batch, steps=200, learning_rate=0.1, advance=done.append)
    assert trained["w"] == pytest.approx(GOAL, abs=0.05)
    assert done == list(range(1, 201))
    assert not start["w"].any()  # what was given is left alone


def test_a_constraint_holds_after_every_step() -> None:
    steps: list[int] = []

    def positive(done: int, variables: Variables) -> None:
        steps.append(done)
        variables["w"].assign(tf.maximum(variables["w"], 0))

    start = {"w": np.ones(3, np.float32)}
    trained = train(
        start,
        loss,
        batch,
        steps=50,
        learning_rate=0.1,
        advance=lambda done: None,
        constrain=positive,
    )
    assert steps == list(range(1, 51))
    assert trained["w"][1] == 0


def test_divergence() -> None:
    logits = np.random.default_rng(0).normal(0, 2, (5, 7)).astype(np.float32)
    assert float(divergence(logits, logits)) == pytest.approx(0, abs=1e-6)
    assert float(divergence(logits, logits + 3)) == pytest.approx(0, abs=1e-6)
    sure, unsure = np.array([[100, 0]], np.float32), np.zeros((1, 2), np.float32)
    assert float(divergence(sure, unsure)) == pytest.approx(np.log(2), abs=1e-4)


def test_relit() -> None:
    rng = np.random.default_rng(0)
    grey = np.full((400, 5, 4, 3), 0.45, np.float32)
    assert relit(grey, rng, contrast=1, light=0, tint=0) == pytest.approx(0.45)
    lit = relit(grey, rng, contrast=0, light=0.1, tint=0) - 0.45
    assert lit.std() == pytest.approx(0.1, rel=0.15)
    assert np.ptp(lit, axis=(1, 2, 3)).max() < 1e-6  # the same all over a picture
    tinted = relit(grey, rng, contrast=0, light=0, tint=0.1)
    assert np.ptp(tinted, axis=3).min() > 0
