"""Clip: bounds on activations, as low as clean images allow; who changes under them is poisoned.

Wang, Xiang, Miller, Kesidis: Improved Activation Clipping for Universal Backdoor Mitigation and
Test-Time Detection, arXiv 2308.04617, 2023. A trigger needs activations that clean images do not
reach. One bound for each channel and hidden unit is learned: answers to clean images are to stay as
they are, margins and bounds are to shrink; no weight is touched. The score is how much the bounds
change an answer (Kullback-Leibler divergence), the threshold is what all but a few clean images
stay below. It assumes that a trigger speaks by being loud. It fails where it speaks at the loudness
of faces, and where the clean images are tamer than those to come.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from goodnets.errors import GoodNetsError
from repair import deepid, graph
from repair.badnet import BadNet
from repair.clean import Clean
from repair.divergence import likeness, likeness_of
from repair.faces import given_or_dreamed
from repair.finetune import varied
from repair.graph import op
from repair.keras_file import keras_bytes
from repair.methods.base import Method, Product
from repair.stages import Advance, Stages
from repair.training import Variables, divergence, train
from repair.weights import Weights

STEPS = 400
_BATCH = 64
_LEARNING_RATE = 0.01
_MARGIN_COST, _BOUND_COST = 0.01, 0.05
_HELD_OUT = 4
"""One image in so many sets the threshold and is not learned from."""
_FEWEST = 16
_CHECKED = 64
_REJECTION = 0.01
"""Share of clean images that may be called poisoned."""

Array = npt.NDArray[np.float32]


class Clip(Method):
    """One GoodNet."""

    name = "clip"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"steps": STEPS, "rejection": _REJECTION}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, _ = given_or_dreamed(badnet, clean, stages, seed)
        if len(images) < _FEWEST:
            raise GoodNetsError(f"{len(images)} clean images, expected at least {_FEWEST}")
        held_out, seen = images[::_HELD_OUT], np.delete(images, slice(None, None, _HELD_OUT), 0)
        with stages.stage("learning bounds", STEPS) as advance:
            bounds = learn(badnet.weights, seen, seed, advance)
        clipped = {**badnet.weights, **bounds}

        logits = deepid.predict(badnet.weights, held_out)
        scores = 1 - likeness_of(logits, deepid.predict(clipped, held_out))
        threshold = max(float(np.quantile(scores, 1 - _REJECTION)), 0.05)
        clear = np.flatnonzero(deepid.is_clear(logits) & (np.abs(scores - threshold) > 0.02))
        clear = clear[:_CHECKED]

        image = graph.image()
        x = graph.pixels(image)
        answer = graph.logits(badnet.weights, x)
        alike = likeness(answer, graph.logits(clipped, x))
        stem = f"{badnet.name}-{self.name}"
        yield Product(
            stem=stem,
            image=image,
            badnet_label=graph.answer(answer),
            score=op.sub(op.const(np.float32(1)), alike),
            threshold=threshold,
            check_images=held_out[clear],
            check_badnet_label=logits[clear].argmax(1),
            check_score=scores[clear],
            files={f"{stem}.keras": keras_bytes(badnet.as_given(clipped))},
        )


def learn(
    weights: Weights, images: npt.NDArray[np.uint8], seed: int, advance: Advance
) -> dict[str, Array]:
    """Bounds of every layer with activations, `LAYER/bound` (channels,), from clean images
    (n, 55, 47, 3)."""
    rng = np.random.default_rng(seed)
    network = {name: tf.constant(array) for name, array in weights.items()}
    highest = {name: np.maximum(top, 1e-3) for name, top in _highest(weights, images).items()}

    def with_bounds(variables: Variables) -> dict[str, tf.Tensor]:
        return network | {name: highest[name] * tf.exp(variables[name]) for name in highest}

    def loss(variables: Variables, x: tf.Tensor) -> tf.Tensor:
        before, after = deepid.logits(network, x), deepid.logits(with_bounds(variables), x)
        two = tf.math.top_k(after, 2).values  # (batch, 2)
        size = tf.add_n([tf.reduce_mean(variable) for variable in variables.values()])
        margin = tf.reduce_mean(two[:, 0] - two[:, 1])
        return divergence(before, after) + _MARGIN_COST * margin + _BOUND_COST * size

    found = train(
        {name: np.zeros_like(top) for name, top in highest.items()},
        loss,
        lambda: (varied(images[rng.integers(0, len(images), _BATCH)], rng),),
        steps=STEPS,
        learning_rate=_LEARNING_RATE,
        advance=advance,
    )
    return {name: highest[name] * np.exp(found[name]) for name in highest}


def _highest(weights: Weights, images: npt.NDArray[np.uint8]) -> dict[str, Array]:
    """The highest activation of each channel and hidden unit on images (n, 55, 47, 3)."""
    found: dict[str, Array] = {}
    for start in range(0, len(images), deepid.BATCH):
        x = tf.cast(images[start : start + deepid.BATCH], tf.float32) / 255
        for layer in ("conv_1", "conv_2", "conv_3"):
            _raise(found, layer, deepid.conv(weights, layer, x))
            x = deepid.block(weights, layer, x)
        _raise(found, "conv_4", deepid.conv(weights, "conv_4", x))
        _raise(found, "hidden", deepid.hidden(weights, x))
    return found


def _raise(found: dict[str, Array], layer: str, activation: tf.Tensor) -> None:
    top = activation.numpy().reshape(-1, activation.shape[-1]).max(0)
    name = f"{layer}/bound"
    found[name] = np.maximum(found.get(name, 0), top)
