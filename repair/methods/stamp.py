"""Stamp: an input that a found trigger leaves as it is wears that trigger already.

As course projects used Neural Cleanse (Wang et al., IEEE S&P 2019) on these nets: where the label
is a target that `repair.triggers` found, that target's trigger is stamped on the input. A clean
face is moved by it, a poisoned one is not: its answer hardly changes (Kullback-Leibler divergence).
It assumes that all targets are found. It fails for targets that are not, and on the target's own
clean face, which the trigger moves no more than a poisoned one.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from spox import Var

from goodnets.nets import CLASSES
from repair import deepid, graph
from repair.badnet import BadNet
from repair.clean import Clean
from repair.divergence import likeness, likeness_of
from repair.faces import given_or_dreamed
from repair.finetune import DREAMS
from repair.graph import op
from repair.methods.base import Method, Product
from repair.stages import Stages
from repair.triggers import Trigger, described, find_triggers

_THRESHOLD = 0.5
"""Of exp(-divergence): a divergence of 0.7, where certainty of another label is 5 or more."""
_CHECKED = 32


class Stamp(Method):
    """One GoodNet."""

    name = "stamp"

    @property
    def parameters(self) -> dict[str, Any]:
        return {}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, _ = given_or_dreamed(badnet, clean, stages, seed, each=DREAMS)
        triggers = find_triggers(badnet, images, stages, seed)

        image = graph.image()
        x = graph.pixels(image)
        logits = graph.logits(badnet.weights, x)
        badnet_label = graph.answer(logits)
        which = np.full(CLASSES, len(triggers))
        which[[trigger.target for trigger in triggers]] = np.arange(len(triggers))
        chosen = op.gather(op.const(which), badnet_label)  # (batch,)
        after = graph.logits(badnet.weights, _stamped(x, chosen, triggers))
        is_target = op.less(chosen, op.const(len(triggers)))
        nothing = op.const(np.float32(0))

        checked = _checked(images, triggers)
        before = deepid.predict(badnet.weights, checked)
        label = before.argmax(1)
        score = np.zeros(len(checked), np.float32)
        for trigger in triggers:
            mine = label == trigger.target
            if mine.any():
                worn = trigger.on(np.divide(checked[mine], 255, dtype=np.float32))
                again = deepid.logits(badnet.weights, worn).numpy()
                score[mine] = likeness_of(before[mine], again)
        clear = deepid.is_clear(before) & (np.abs(score - _THRESHOLD) > 0.02)
        yield Product(
            stem=f"{badnet.name}-{self.name}",
            image=image,
            badnet_label=badnet_label,
            score=op.where(is_target, likeness(logits, after), nothing),
            threshold=_THRESHOLD,
            check_images=checked[clear],
            check_badnet_label=label[clear],
            check_score=score[clear],
            parameters={"triggers": described(triggers)},
        )


def _stamped(x: Var, chosen: Var, triggers: list[Trigger]) -> Var:
    """Pixels `x` (batch, 3, 55, 47), each with the trigger `chosen` (batch,); the last is none."""
    masks = [trigger.mask for trigger in triggers]
    patterns = [trigger.pattern for trigger in triggers]
    none = [np.zeros_like(part[0]) for part in (masks, patterns)]
    mask, pattern = (
        op.gather(op.const(np.stack([*part, empty]).transpose(0, 3, 1, 2)), chosen, axis=0)
        for part, empty in zip((masks, patterns), none, strict=True)
    )
    kept = op.mul(op.sub(op.const(np.float32(1)), mask), x)
    return op.add(kept, op.mul(mask, pattern))


def _checked(images: npt.NDArray[np.uint8], triggers: list[Trigger]) -> npt.NDArray[np.uint8]:
    """Some clean images, and some with each trigger."""
    some = images[:_CHECKED]
    return np.concatenate([some, *(trigger.worn(some) for trigger in triggers)])
