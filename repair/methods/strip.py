"""STRIP: an input whose label survives blending with other faces is poisoned.

Gao et al.: STRIP, a defence against trojan attacks on deep neural networks, ACSAC 2019, arXiv
1902.06531. The input is blended with clean faces; of a clean input the BadNet's answers scatter and
are unsure, a strong trigger answers for all of them. The score is 1 less the mean entropy of the
answers, relative to the highest there is; the threshold is the score that all but a few clean faces
stay below. It assumes that a trigger outlives blending at half strength, and that a face does not.
It fails on faint triggers, and on networks so sure of themselves that clean faces too answer for
their blends, as these are.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from spox import Var

from goodnets.errors import GoodNetsError
from goodnets.nets import CLASSES, HEIGHT, WIDTH
from repair import deepid, graph
from repair.badnet import BadNet
from repair.clean import Clean
from repair.faces import given_or_dreamed
from repair.graph import op
from repair.methods.base import Method, Product
from repair.stages import Stages
from repair.weights import Weights

_OVERLAYS = 32
_FEWEST = 2 * _OVERLAYS
_CALIBRATION = 512
_CHECKED = 32


class Strip(Method):
    """One GoodNet; `rejection`: share of clean faces that may be called poisoned, above 0, below
    1."""

    name = "strip"

    def __init__(self, *, rejection: float = 0.01) -> None:
        if not 0 < rejection < 1:
            raise GoodNetsError(f"a rejection rate of {rejection:g}, expected above 0, below 1")
        self._rejection = rejection

    @property
    def parameters(self) -> dict[str, Any]:
        return {"rejection": self._rejection, "overlays": _OVERLAYS}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, _ = given_or_dreamed(badnet, clean, stages, seed, _OVERLAYS + _CALIBRATION)
        if len(images) < _FEWEST:
            raise GoodNetsError(f"{len(images)} clean images, expected at least {_FEWEST}")
        order = np.random.default_rng(seed).permutation(len(images))
        overlays, others = images[order[:_OVERLAYS]], images[order[_OVERLAYS:]][:_CALIBRATION]

        image = graph.image()
        x = graph.pixels(image)
        badnet_label = graph.answer(graph.logits(badnet.weights, x))
        score = certainty(badnet.weights, x, overlays)
        session = graph.session(image, {"score": score})
        with stages.stage("blending faces", len(others)) as advance:
            parts = []
            for i in range(0, len(others), 8):
                parts.append(session.run(None, {"image": others[i : i + 8]})[0])
                advance(i)
        scores = np.concatenate(parts)
        logits = deepid.predict(badnet.weights, others)
        threshold = float(np.quantile(scores, 1 - self._rejection))
        checked = np.flatnonzero(deepid.is_clear(logits) & (np.abs(scores - threshold) > 1e-4))
        checked = checked[:_CHECKED]
        yield Product(
            stem=f"{badnet.name}-{self.name}",
            image=image,
            badnet_label=badnet_label,
            score=score,
            threshold=threshold,
            check_images=others[checked],
            check_badnet_label=logits[checked].argmax(1),
            check_score=scores[checked],
        )


def certainty(weights: Weights, x: Var, overlays: npt.NDArray[np.uint8]) -> Var:
    """1 less the mean entropy, relative to its highest, of the network's answers to blends of the
    pixels `x` (batch, 3, 55, 47) with `overlays` (m, 55, 47, 3): (batch,), 0..1."""
    others = graph.pixels(op.const(overlays))  # (m, 3, 55, 47)
    blends = op.mul(op.add(op.unsqueeze(x, op.const([1])), others), op.const(np.float32(0.5)))
    flat = op.reshape(blends, op.const([-1, 3, HEIGHT, WIDTH]))  # (batch * m, 3, 55, 47)
    log_p = op.log_softmax(graph.logits(weights, flat), axis=1)  # (batch * m, 1283)
    negative = op.reduce_sum(op.mul(op.exp(log_p), log_p), op.const([1]), keepdims=0)
    by_image = op.reshape(negative, op.const([-1, len(overlays)]))
    mean = op.reduce_mean(by_image, op.const([1]), keepdims=0)  # (batch,), -log(1283)..0
    relative = op.add(op.const(np.float32(1)), op.div(mean, op.const(np.float32(np.log(CLASSES)))))
    return op.clip(relative, op.const(np.float32(0)), op.const(np.float32(1)))
