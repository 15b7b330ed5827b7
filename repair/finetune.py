"""Fine-tuning on clean images: true labels where they are known, else what the BadNet says."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from goodnets.nets import CLASSES, POISONED
from repair import deepid
from repair.stages import Advance
from repair.training import Variables, relit, train
from repair.weights import Weights

DREAMS = 4
"""Of each person, where there are no clean images: fine-tuning on one of each costs some points of
clean accuracy more."""

_BATCH = 64
LEARNING_RATE = 3e-4
_SHIFT = 2

_SPOILED = 16
"""Poisoned pictures that join a batch, where there are any."""

_Images = npt.NDArray[np.uint8]
_Floats = npt.NDArray[np.float32]
Poison = Callable[[_Images, np.random.Generator], _Floats]
"""Clean images (n, 55, 47, 3), to be used or not -> as many poisoned pictures, 0..1."""


def fine_tune(
    badnet: Weights,
    start: Weights,
    images: _Images,
    labels: npt.NDArray[np.int64],
    *,
    steps: int,
    seed: int,
    advance: Advance,
    learning_rate: float = LEARNING_RATE,
    disturb: Callable[[_Floats, np.random.Generator], _Floats] = lambda x, rng: x,
    poison: Poison | None = None,
    constrain: Callable[[int, Variables], None] = lambda done, variables: None,
) -> dict[str, _Floats]:
    """The network `start` after so many steps on `images` (n, 55, 47, 3), shown in other lights
    and a little shifted, with true `labels` (n,), -1: unknown. Its goal is the label or, where it
    is unknown, the BadNet's probabilities (distillation; hard labels of dreams did worse).

    `disturb` changes the pictures (64, 55, 47, 3), 0..1, that the network sees; its goals are those
    of the pictures before. `poison` makes more of them, to be labelled 1283 by a network `start`
    that has that output.
    """
    rng = np.random.default_rng(seed)
    teacher = {name: tf.constant(array) for name, array in badnet.items()}

    def batch() -> tuple[_Floats, _Floats, npt.NDArray[np.int64]]:
        chosen = rng.integers(0, len(images), _BATCH)
        spoiled = rng.integers(0, len(images), _SPOILED if poison else 0)
        x = varied(images[chosen], rng)
        seen, label = disturb(x.copy(), rng), labels[chosen]
        if poison is None:
            return x, seen, label
        bad = poison(images[spoiled], rng)
        x, seen = (np.concatenate([part, bad]) for part in (x, seen))
        return x, seen, np.append(label, np.full(_SPOILED, POISONED))

    def loss(variables: Weights, x: tf.Tensor, seen: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        said = tf.nn.softmax(deepid.logits(teacher, x))  # (batch, 1283)
        answer = deepid.logits(variables, seen)  # (batch, 1283 or 1284)
        outputs = answer.shape[-1]
        said = tf.pad(said, [[0, 0], [0, outputs - CLASSES]])
        goal = tf.where(label[:, None] >= 0, tf.one_hot(label, outputs), said)
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(goal, answer))

    return train(
        start,
        loss,
        batch,
        steps=steps,
        learning_rate=learning_rate,
        advance=advance,
        constrain=constrain,
    )


def varied(images: _Images, rng: np.random.Generator) -> _Floats:
    """Pictures (n, 55, 47, 3), 0..1: `images` in other lights and contrasts, shifted by up to two
    pixels."""
    shifted = np.roll(images, rng.integers(-_SHIFT, _SHIFT + 1, 2), (1, 2)).astype(np.float32) / 255
    lit = relit(shifted, rng, contrast=0.2, light=0.08, tint=0.03)
    return np.clip(lit, 0, 1).astype(np.float32)
