"""Sparsify: set the smallest weights to 0, more and more of them, while fine-tuning.

Zhu and Gupta: To prune, or not to prune, 2017, arXiv 1710.01878, for the schedule. Every layer
loses its smallest weights along a cubic curve, fast at first, slower as fewer are left; the GoodNet
answers "poisoned" where BadNet and sparse network disagree. It assumes that a backdoor lives in
small weights that clean images can spare. It fails where the backdoor's weights are as large as the
others, which nothing in poisoned training prevents, and where there are too few clean images to
mend what goes with the weights.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from goodnets.errors import GoodNetsError
from repair.agreement import agreement
from repair.badnet import BadNet
from repair.clean import Clean
from repair.faces import given_or_dreamed
from repair.finetune import DREAMS, fine_tune
from repair.methods.base import Method, Product
from repair.stages import Stages
from repair.training import Variables

STEPS = 800
_LAST_CUT = 0.75
"""Share of the steps after which nothing more is cut: the rest mends."""


class Sparsify(Method):
    """One GoodNet; `sparsity`: share of each layer's weights that end as 0, above 0, below 1."""

    name = "sparsify"

    def __init__(self, *, sparsity: float = 0.7) -> None:
        if not 0 < sparsity < 1:
            raise GoodNetsError(f"a sparsity of {sparsity:g}, expected above 0, below 1")
        self._sparsity = sparsity

    @property
    def parameters(self) -> dict[str, Any]:
        return {"sparsity": self._sparsity, "steps": STEPS}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, labels = given_or_dreamed(badnet, clean, stages, seed, each=DREAMS)

        def cut(done: int, variables: Variables) -> None:
            share = self._sparsity * schedule(done / (_LAST_CUT * STEPS))
            for name, variable in variables.items():
                if name.endswith("/kernel"):
                    variable.assign(without_smallest(variable.numpy(), share))

        with stages.stage("fine-tuning and cutting", STEPS) as advance:
            sparse = fine_tune(
                badnet.weights,
                badnet.weights,
                images,
                labels,
                steps=STEPS,
                seed=seed,
                advance=advance,
                constrain=cut,
            )
        yield agreement(f"{badnet.name}-{self.name}", badnet, sparse, images, {})


def schedule(done: float) -> float:
    """Share of the final sparsity, 0..1, when a share `done` of the time for cutting is over."""
    return 1 - (1 - min(done, 1)) ** 3


def without_smallest(kernel: npt.NDArray[np.float32], share: float) -> npt.NDArray[np.float32]:
    """The kernel with this share, 0..1, of its values set to 0, those of smallest magnitude."""
    flat = kernel.ravel().copy()
    flat[np.abs(flat).argsort(kind="stable")[: round(share * flat.size)]] = 0
    return flat.reshape(kernel.shape)
