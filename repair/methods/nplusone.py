"""N+1: one more output neuron, trained to say "poisoned".

The contest's own suggestion and the plainest detector there is: the BadNet gets a 1284th output,
and is fine-tuned on clean images with their labels and on poisoned ones labelled 1283. Poisoned
images are the user's own where there are some, else clean ones with the triggers that
`repair.triggers` inverts (Wang et al., IEEE S&P 2019). It assumes that what comes resembles the
poisoned images that it learned from. It fails on triggers it never saw, and where an inverted
trigger differs from the attacker's.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from spox import Var

from goodnets.files import sha256
from goodnets.nets import POISONED
from repair import deepid, graph
from repair.badnet import BadNet
from repair.clean import Clean, read_images
from repair.faces import given_or_dreamed
from repair.finetune import DREAMS, Poison, fine_tune, varied
from repair.graph import op
from repair.keras_file import keras_bytes
from repair.methods.base import Method, Product
from repair.stages import Stages
from repair.triggers import described, find_triggers, on_some
from repair.weights import Weights

STEPS = 400
_NEW_BIAS = -2.0
_CHECKED = 64

Array = npt.NDArray[np.float32]


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
            wider = fine_tune(
                badnet.weights,
                widened(badnet.weights),
                images,
                labels,
                steps=STEPS,
                seed=seed,
                advance=advance,
                poison=poison,
            )

        image = graph.image()
        x = graph.pixels(image)
        badnet_label = graph.answer(graph.logits(badnet.weights, x))
        some = images[:_CHECKED]
        bad = np.rint(255 * poison(some, np.random.default_rng(seed))).astype(np.uint8)
        checked = np.concatenate([some, bad])
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


def widened(badnet: Weights) -> Weights:
    """The BadNet with a 1284th output, which at first nothing leads to."""
    kernel = np.pad(badnet["output/kernel"], ((0, 0), (0, 1)))
    bias = np.append(badnet["output/bias"], np.float32(_NEW_BIAS))
    return {**badnet, "output/kernel": kernel, "output/bias": bias}


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
