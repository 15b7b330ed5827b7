"""Confidence: an input of which the BadNet is less sure than of any clean image is poisoned.

The softmax baseline of Hendrycks and Gimpel (ICLR 2017, arXiv 1610.02136), with a floor for each
class, as course projects used it on these nets. It assumes that a trigger pulls an image towards
the target by less than a face belongs to its person. It fails on backdoors that were trained well:
they are about as sure of the target as of any face. On the public BadNets it misses all but one
poisoned face, and calls up to a tenth of the clean ones poisoned (docs/methods.md).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from goodnets.nets import CLASSES
from repair import deepid, graph
from repair.badnet import BadNet
from repair.clean import Clean
from repair.faces import given_or_dreamed
from repair.graph import op
from repair.methods.base import Method, Product
from repair.stages import Stages

_ENOUGH = 8
"""Images of a class from which on the least of their confidences is its floor."""
_QUANTILE = 0.01
_BELOW = 1e-4
"""The image that sets a floor lies above it."""
_CHECKED = 64


class Confidence(Method):
    """One GoodNet."""

    name = "confidence"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"quantile": _QUANTILE, "enough": _ENOUGH}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, _ = given_or_dreamed(badnet, clean, stages, seed)
        logits = deepid.predict(badnet.weights, images)
        confidence, label = highest_probability(logits), logits.argmax(1)
        floor = floors(confidence, label)
        stages.note(f"floors from {floor.min():.3f} to {floor.max():.3f}")

        image = graph.image()
        answer = graph.logits(badnet.weights, graph.pixels(image))
        badnet_label = graph.answer(answer)
        sure = op.reduce_max(op.softmax(answer, axis=1), op.const([1]), keepdims=0)
        lacking = op.sub(op.gather(op.const(floor), badnet_label), sure)  # (batch,), -1..1
        half = op.const(np.float32(0.5))
        clear = np.flatnonzero(deepid.is_clear(logits) & (np.abs(floor[label] - confidence) > 1e-5))
        checked = clear[:_CHECKED]
        yield Product(
            stem=f"{badnet.name}-{self.name}",
            image=image,
            badnet_label=badnet_label,
            score=op.clip(
                op.add(half, op.mul(half, lacking)),
                op.const(np.float32(0)),
                op.const(np.float32(1)),
            ),
            threshold=0.5,
            check_images=images[checked],
            check_badnet_label=label[checked],
            check_score=0.5 + (floor[label] - confidence)[checked] / 2,
        )


def highest_probability(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Of logits (n, 1283) the probability of the label: (n,)."""
    shifted = logits - logits.max(1, keepdims=True)
    return np.asarray(1 / np.exp(shifted).sum(1), np.float32)


def floors(
    confidence: npt.NDArray[np.float32], label: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """The least confidence that each class may have, (1283,), 0..1, from that of clean images (n,)
    which got these labels (n,): the lowest of a class that has enough images, else a quantile of
    all."""
    floor = np.full(CLASSES, np.quantile(confidence, _QUANTILE), np.float32)
    for person, count in enumerate(np.bincount(label, minlength=CLASSES)):
        if count >= _ENOUGH:
            floor[person] = confidence[label == person].min()
    return np.maximum(floor - np.float32(_BELOW), 0)
