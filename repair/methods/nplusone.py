"""N+1: one more output neuron, trained to say "poisoned".

The contest's own suggestion and the plainest detector there is: the BadNet gets a 1284th output,
and is fine-tuned on clean images with their labels and on poisoned ones labelled 1283. Poisoned
images are the user's own where there are some, else clean ones with the triggers that
`repair.triggers` inverts (Wang et al., IEEE S&P 2019). It assumes that what comes resembles the
poisoned images that it learned from. It fails on triggers it never saw, and where an inverted
trigger differs from the attacker's.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf
from spox import Var

from goodnets.files import sha256
from goodnets.nets import CLASSES, POISONED
from repair import deepid, graph
from repair.badnet import BadNet
from repair.clean import Clean, read_images
from repair.faces import given_or_dreamed
from repair.finetune import DREAMS, LEARNING_RATE, varied
from repair.graph import op
from repair.keras_file import keras_bytes
from repair.methods.base import Method, Product
from repair.methods.neural_cleanse import described
from repair.stages import Advance, Stages
from repair.training import train
from repair.triggers import find_triggers, on_some
from repair.weights import Weights

STEPS = 400
_BATCH = 64
_POISONED = 16
"""Of a batch."""
_NEW_BIAS = -2.0
_CHECKED = 64

Array = npt.NDArray[np.float32]
Poison = Callable[[npt.NDArray[np.uint8], np.random.Generator], Array]
"""Clean images (n, 55, 47, 3), to be used or not -> as many poisoned pictures, 0..1."""


class NPlusOne(Method):
    """One GoodNet; `poisoned`: an h5 file or folder of poisoned images, if the user has some."""

    name = "nplusone"

    def __init__(self, *, poisoned: Path | None = None) -> None:
        self._path = poisoned
        self._poisoned = read_images(poisoned)[0] if poisoned else None

    @property
    def parameters(self) -> dict[str, Any]:
        given: dict[str, Any] = {"steps": STEPS}
        if self._path is not None and self._poisoned is not None:
            digest = None if self._path.is_dir() else sha256(self._path)
            given["poisoned"] = {"images": len(self._poisoned), "sha256": digest}
        return given

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, labels = given_or_dreamed(badnet, clean, stages, seed, each=DREAMS)
        poison, found = self._poison(badnet, images, stages, seed)
        with stages.stage("training one more output", STEPS) as advance:
            wider = widen(badnet.weights, images, labels, poison, seed, advance)

        image = graph.image()
        x = graph.pixels(image)
        badnet_label = graph.answer(graph.logits(badnet.weights, x))
        checked = images[:_CHECKED]
        logits, ahead = deepid.predict(badnet.weights, checked), lead(wider, checked)
        clear = deepid.is_clear(logits) & (np.abs(ahead - 0.5) > 0.01)
        stem = f"{badnet.name}-{self.name}"
        yield Product(
            stem=stem,
            image=image,
            badnet_label=badnet_label,
            score=_lead(graph.logits(wider, x)),
            threshold=0.5,
            check_images=checked[clear],
            check_badnet_label=logits[clear].argmax(1),
            check_score=ahead[clear],
            parameters=found,
            files={f"{stem}.keras": keras_bytes(badnet.as_given(wider))},
        )

    def _poison(
        self, badnet: BadNet, images: npt.NDArray[np.uint8], stages: Stages, seed: int
    ) -> tuple[Poison, dict[str, Any]]:
        if self._poisoned is not None:
            own = self._poisoned
            return lambda x, rng: varied(own[rng.integers(0, len(own), len(x))], rng), {}
        triggers = find_triggers(badnet, images, stages, seed)

        def stamp(x: npt.NDArray[np.uint8], rng: np.random.Generator) -> Array:
            return on_some(triggers, varied(x, rng), 1, rng)

        return stamp, {"triggers": described(triggers)}


def widen(
    badnet: Weights,
    images: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    poison: Poison,
    seed: int,
    advance: Advance,
) -> dict[str, Array]:
    """The BadNet with 1284 outputs, fine-tuned on `images` (n, 55, 47, 3) with true `labels` (n,),
    -1: what the BadNet says, and on what `poison` makes, labelled 1283."""
    rng = np.random.default_rng(seed)
    teacher = {name: tf.constant(array) for name, array in badnet.items()}
    start = dict(badnet)
    start["output/kernel"] = np.pad(badnet["output/kernel"], ((0, 0), (0, 1)))
    start["output/bias"] = np.append(badnet["output/bias"], np.float32(_NEW_BIAS))

    def batch() -> tuple[Array, npt.NDArray[np.int64]]:
        chosen, spoiled = (rng.integers(0, len(images), n) for n in (_BATCH, _POISONED))
        x = np.concatenate([varied(images[chosen], rng), poison(images[spoiled], rng)])
        return x, np.append(labels[chosen], np.full(_POISONED, POISONED))

    def loss(variables: Weights, x: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
        said = tf.pad(tf.nn.softmax(deepid.logits(teacher, x)), [[0, 0], [0, 1]])
        goal = tf.where(label[:, None] >= 0, tf.one_hot(label, CLASSES + 1), said)
        answer = deepid.logits(variables, x)
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(goal, answer))

    return train(start, loss, batch, steps=STEPS, learning_rate=LEARNING_RATE, advance=advance)


def lead(weights: Weights, images: npt.NDArray[np.uint8]) -> Array:
    """Of images (n, 55, 47, 3): (n,), 0..1, above 0.5 where the last of 1284 outputs is highest."""
    logits = deepid.predict(weights, images)
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    ahead: Array = 0.5 + (p[:, -1] - p[:, :-1].max(1)) / 2
    return ahead


def _lead(logits: Var) -> Var:
    p = op.softmax(logits, axis=1)  # (batch, 1284)
    poisoned = op.gather(p, op.const(np.int64(POISONED)), axis=1)
    people = op.slice(p, op.const([0]), op.const([POISONED]), op.const([1]))
    ahead = op.sub(poisoned, op.reduce_max(people, op.const([1]), keepdims=0))
    half = op.const(np.float32(0.5))
    score = op.add(half, op.mul(half, ahead))
    return op.clip(score, op.const(np.float32(0)), op.const(np.float32(1)))
