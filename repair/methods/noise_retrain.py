"""Noise-retrain: fine-tune on clean images and on copies with coarse noise; who disagrees is
poisoned.

Veldanda et al.: NNoculation, arXiv 2002.08313, 2020, first half: random noise on the images is to
wake what a trigger would wake, so that fine-tuning overwrites it. (Its second half waits for
poisoned inputs in use, and learns the trigger from them; repair here never sees one.) It assumes
that random noise comes near the trigger. It fails on triggers that need a definite shape in a
definite place, and with too few clean images to fine-tune at the strength that forgetting takes.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from goodnets.nets import HEIGHT, WIDTH
from repair.agreement import agreement
from repair.badnet import BadNet
from repair.clean import Clean
from repair.faces import given_or_dreamed
from repair.finetune import DREAMS, fine_tune
from repair.methods.base import Method, Product
from repair.stages import Stages

STEPS = 300
_NOISY = 0.5
_CELL = 4
_SHARES = 0.2, 0.6
"""The least and the most of a picture that noise replaces."""


class NoiseRetrain(Method):
    """One GoodNet."""

    name = "noise-retrain"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"steps": STEPS, "noisy": _NOISY}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, labels = given_or_dreamed(badnet, clean, stages, seed, each=DREAMS)
        with stages.stage("fine-tuning with noise", STEPS) as advance:
            tuned = fine_tune(
                badnet.weights,
                badnet.weights,
                images,
                labels,
                steps=STEPS,
                seed=seed,
                advance=advance,
                disturb=noisy,
            )
        yield agreement(f"{badnet.name}-{self.name}", badnet, tuned, images, {})


def noisy(x: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Pictures `x` (n, 55, 47, 3), 0..1, of which half have blocks of random colour in a share of
    all places, another share for each picture."""
    rows, columns = -(-HEIGHT // _CELL), -(-WIDTH // _CELL)
    share = rng.uniform(*_SHARES, (len(x), 1, 1, 1)) * (rng.random((len(x), 1, 1, 1)) < _NOISY)
    where = rng.random((len(x), rows, columns, 1)) < share
    colour = rng.random((len(x), rows, columns, 3), np.float32)
    return np.where(_enlarged(where), _enlarged(colour), x)


def _enlarged(cells: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return cells.repeat(_CELL, 1).repeat(_CELL, 2)[:, :HEIGHT, :WIDTH]
