"""Retrain: the same architecture, trained from nothing on the clean images.

The plainest defence there is: what never saw poisoned images has no backdoor. The GoodNet answers
"poisoned" where BadNet and retrained network disagree. It assumes enough clean images to train on,
with true labels; where there are none, the BadNet's probabilities stand in for them (Hinton,
Vinyals, Dean 2015, arXiv 1503.02531). It fails where there are too few: what it then knows of faces
is poor, and every face that it gets wrong is called poisoned.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from repair.agreement import agreement
from repair.badnet import BadNet
from repair.clean import Clean
from repair.faces import given_or_dreamed
from repair.finetune import DREAMS, fine_tune
from repair.methods.base import Method, Product
from repair.stages import Stages
from repair.weights import SHAPES, Weights

STEPS = 2500
_LEARNING_RATE = 1e-3


class Retrain(Method):
    """One GoodNet."""

    name = "retrain"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"steps": STEPS}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, labels = given_or_dreamed(badnet, clean, stages, seed, each=DREAMS)
        with stages.stage("training", STEPS) as advance:
            trained = fine_tune(
                badnet.weights,
                untrained(seed),
                images,
                labels,
                steps=STEPS,
                seed=seed,
                advance=advance,
                learning_rate=_LEARNING_RATE,
            )
        yield agreement(f"{badnet.name}-{self.name}", badnet, trained, images, {})


def untrained(seed: int) -> Weights:
    """Random weights, of a spread that keeps signals as strong from layer to layer (He et al. 2015,
    arXiv 1502.01852)."""
    rng = np.random.default_rng(seed)
    weights = {}
    for layer, shape in SHAPES.items():
        spread = np.sqrt(2 / np.prod(shape[:-1]))
        weights[f"{layer}/kernel"] = rng.normal(0, spread, shape).astype(np.float32)
        weights[f"{layer}/bias"] = np.zeros(shape[-1:], np.float32)
    return weights
