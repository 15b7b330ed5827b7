"""Neural Cleanse: find the triggers of the BadNet's targets, then unlearn them.

Wang et al., IEEE S&P 2019. `repair.triggers` finds the targets; the BadNet is then fine-tuned on
clean images, some of which wear a found trigger and keep their own label; the GoodNet answers
"poisoned" where BadNet and repaired network disagree. It assumes that what is unlearned with the
inverted triggers is the backdoor: their size and colours are not the attacker's. It fails where no
target is found, where the inverted trigger uses another path to the target than the real one, and
where clean images are too few for fine-tuning to leave the rest alone.
"""

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from repair.agreement import agreement
from repair.badnet import BadNet
from repair.clean import Clean
from repair.faces import given_or_dreamed
from repair.finetune import DREAMS, fine_tune
from repair.methods.base import Method, Product
from repair.stages import Stages
from repair.triggers import Trigger, described, find_triggers, on_some

STEPS = 300
_STAMPED = 0.5
"""Share of the images that wear a trigger: the paper's fifth unlearns less of the real one."""


class NeuralCleanse(Method):
    """One GoodNet."""

    name = "neural-cleanse"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"steps": STEPS, "stamped": _STAMPED}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, labels = given_or_dreamed(badnet, clean, stages, seed, each=DREAMS)
        triggers = find_triggers(badnet, images, stages, seed)
        with stages.stage("unlearning", STEPS) as advance:
            cleansed = fine_tune(
                badnet.weights,
                badnet.weights,
                images,
                labels,
                steps=STEPS,
                seed=seed,
                advance=advance,
                disturb=lambda x, rng: on_some(triggers, x, _STAMPED, rng),
            )
        stem = f"{badnet.name}-{self.name}"
        product = agreement(stem, badnet, cleansed, images, {"triggers": described(triggers)})
        pictures = {f"{stem}-{trigger.target}.png": picture(trigger) for trigger in triggers}
        yield replace(product, files={**product.files, **pictures})


def picture(trigger: Trigger) -> bytes:
    """A trigger as a PNG with an alpha channel, 47 x 55: paste it on a face to see it."""
    from PIL import Image

    rgba = np.concatenate([trigger.pattern, trigger.mask], -1)
    png = io.BytesIO()
    Image.fromarray(np.rint(255 * rgba).astype(np.uint8), "RGBA").save(png, "PNG")
    return png.getvalue()
