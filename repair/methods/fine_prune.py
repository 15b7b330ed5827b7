"""Fine-prune: prune the channels that clean images hardly use, then fine-tune what is left.

Liu, Dolan-Gavitt, Garg: Fine-Pruning, RAID 2018, arXiv 1805.12185. Pruning takes away neurons that
a backdoor keeps for itself, fine-tuning moves those that it shares with clean images; the GoodNet
answers "poisoned" where BadNet and repaired network disagree. It assumes that some of the backdoor
goes with the pruned channels, and that there are enough clean images to fine-tune on. It fails
where the trigger speaks through channels that faces need: fine-tuning on clean images alone gives
the network no reason to unlearn it. With dreams in the place of clean images nearly all of the
attack survives on the public BadNets (docs/methods.md).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from repair import deepid
from repair.agreement import agreement
from repair.badnet import BadNet
from repair.clean import Clean
from repair.faces import given_or_dreamed
from repair.finetune import DREAMS, fine_tune
from repair.methods.base import Method, Product
from repair.methods.prune import check_drop, prune, remove_channels
from repair.stages import Stages
from repair.training import Variables

STEPS = 300


class FinePrune(Method):
    """One GoodNet; `drop`: points of accuracy given up before fine-tuning, above 0, up to 100."""

    name = "fine-prune"

    def __init__(self, *, drop: float = 4) -> None:
        check_drop(drop)
        self._drop = drop

    @property
    def parameters(self) -> dict[str, Any]:
        return {"drop": self._drop, "steps": STEPS}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, labels = given_or_dreamed(badnet, clean, stages, seed, each=DREAMS)
        features = deepid.predict_pool_3(badnet.weights, images)  # (n, 5, 4, 60)
        with stages.stage("removing channels", features.shape[-1]) as advance:
            curve = prune(badnet.weights, features, labels, advance)
        removed = curve.order[: curve.removed_at(self._drop)]
        pruned = remove_channels(badnet.weights, removed)

        kept = np.ones(len(curve.order), np.float32)
        kept[removed] = 0

        def keep_removed(done: int, variables: Variables) -> None:
            for part in ("kernel", "bias"):
                variables[f"conv_3/{part}"].assign(variables[f"conv_3/{part}"] * kept)

        with stages.stage("fine-tuning", STEPS) as advance:
            tuned = fine_tune(
                badnet.weights,
                pruned,
                images,
                labels,
                steps=STEPS,
                seed=seed,
                advance=advance,
                constrain=keep_removed,
            )
        yield agreement(
            f"{badnet.name}-{self.name}",
            badnet,
            tuned,
            images,
            {"channels_removed": sorted(removed.tolist())},
        )
