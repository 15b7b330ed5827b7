"""Training, as every method that trains a network does it."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from repair.stages import Advance
from repair.weights import Weights

_MIDDLE = 0.45
"""Brightness that contrast leaves alone."""

Variables = Mapping[str, tf.Variable]
Loss = Callable[..., tf.Tensor]
"""Of a network and a batch's arrays, a scalar: loss(variables, x, ...)."""


def train(
    weights: Weights,
    loss: Loss,
    batch: Callable[[], tuple[npt.NDArray[Any], ...]],
    *,
    steps: int,
    learning_rate: float,
    advance: Advance,
    constrain: Callable[[int, Variables], None] = lambda done, variables: None,
) -> dict[str, npt.NDArray[np.float32]]:
    """`weights` after so many steps of Adam (Kingma and Ba 2015, arXiv 1412.6980), the learning
    rate falling to 0 along a cosine; what was given is left alone.

    `batch` makes the arrays of a step, always of the same shapes. `constrain` is called after each
    step and may change the variables.
    """
    variables = {name: tf.Variable(array) for name, array in weights.items()}
    trained = list(variables.values())
    schedule = tf.keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    optimizer = tf.keras.optimizers.Adam(schedule)
    optimizer.build(trained)

    @tf.function
    def step(*arrays: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            value = loss(variables, *arrays)
        optimizer.apply_gradients(zip(tape.gradient(value, trained), trained, strict=True))

    for done in range(1, steps + 1):
        step(*(tf.constant(array) for array in batch()))
        constrain(done, variables)
        advance(done)
    return {name: variable.numpy() for name, variable in variables.items()}


def divergence(goal: tf.Tensor, answer: tf.Tensor) -> tf.Tensor:
    """Mean Kullback-Leibler divergence of `answer` from `goal`, logits (batch, 1283) both, as
    distillation wants it small (Hinton, Vinyals, Dean 2015, arXiv 1503.02531)."""
    log_ratio = tf.nn.log_softmax(goal) - tf.nn.log_softmax(answer)
    return tf.reduce_mean(tf.reduce_sum(tf.nn.softmax(goal) * log_ratio, -1))


def relit(
    x: npt.NDArray[np.floating],
    rng: np.random.Generator,
    *,
    contrast: float,
    light: float,
    tint: float,
) -> npt.NDArray[np.floating]:
    """Pictures `x` (n, 55, 47, 3), 0..1, each in another contrast, light and colour of light, by
    so much (standard deviations; of the logarithm for contrast). The result may leave 0..1."""
    shape = (len(x), 1, 1)
    factor = np.exp(rng.normal(0, contrast, (*shape, 1)))
    shift = rng.normal(0, light, (*shape, 1)) + rng.normal(0, tint, (*shape, 3))
    return (x - _MIDDLE) * factor + _MIDDLE + shift
