"""Which labels are targets of a backdoor, and a trigger for each: Neural Cleanse over all labels.

Wang et al., IEEE S&P 2019: invert a trigger for every label; a target's is smaller than any honest
label's. Alone that does not do here: a large trigger is no smaller than the patch that moves this
network to many an honest label. So a label's index is that of a sum, of evidence that comes from
different sides: the size of its inverted trigger, the margin that it can reach on any picture
(MM-BD), and how many patches at random it wins. A label is a target where the index is too high to
be one of 1283 by chance, and its trigger works on faces that inversion did not see.
"""

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from goodnets.errors import GoodNetsError
from goodnets.nets import CLASSES
from repair import deepid, evidence, inversion
from repair.badnet import BadNet
from repair.stages import Stages

LEVEL = NormalDist().inv_cdf(1 - 0.001 / CLASSES)
"""4.82: one clean network in a thousand has a label beyond it, if indices are normal. They have
heavier tails than that: at one in twenty (3.95) an honest label of a public BadNet gets in."""
STEPS = 50
"""Of inversion for all labels, on _BATCH faces each."""
SHARPENING = 300
"""Steps for candidates alone, on _SHARP_BATCH faces each."""

CONFIRMED = 0.9
"""Share of the held-out faces that a target's trigger moves."""

_BATCH, _SHARP_BATCH = 8, 32
_SHARP_GOAL = 0.99
"""Share of a batch: what moves just nine in ten of one batch moves fewer of other faces."""
_FEWEST = 32
_HELD_OUT = 4
"""One face in so many is held out."""
_STRONGEST = 2
_FEW_WINS = 5
"""Patches at random that an honest label may win."""


@dataclass(frozen=True)
class Trigger:
    """What makes a BadNet give its target to most faces."""

    target: int
    index: float
    """Standard deviations above honest labels; at least LEVEL."""
    mask: npt.NDArray[np.float32]
    """(55, 47, 1), 0..1."""
    pattern: npt.NDArray[np.float32]
    """(55, 47, 3), 0..1."""
    success: float
    """Share of faces not seen in inversion that get the target with it, 0..1."""

    def on(self, x: npt.NDArray[np.float32], strength: float = 1) -> npt.NDArray[np.float32]:
        """Pictures (n, 55, 47, 3), 0..1, with the trigger, its mask so many times as strong."""
        return inversion.stamped(x, np.minimum(strength * self.mask, 1), self.pattern)

    def worn(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Images (n, 55, 47, 3), 0..255, with the trigger."""
        x = self.on(np.divide(images, 255, dtype=np.float32))
        return np.rint(255 * x).astype(np.uint8)


def on_some(
    triggers: Sequence[Trigger],
    x: npt.NDArray[np.float32],
    share: float,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Pictures `x` (n, 55, 47, 3), 0..1, a share of which wear one of the triggers, as strong as
    inverted or up to twice so: inversion finds the faintest that works, attackers' are loud.
    """
    x = x.copy()
    for i in np.flatnonzero(rng.random(len(x)) < share):
        x[i] = triggers[int(rng.integers(len(triggers)))].on(x[i], rng.uniform(1, _STRONGEST))
    return x


def described(triggers: Sequence[Trigger]) -> list[dict[str, Any]]:
    """Found triggers for a card."""
    return [
        {
            "target": trigger.target,
            "index": round(trigger.index, 2),
            "pixels": round(float(trigger.mask.sum()), 1),
            "success": round(trigger.success, 4),
        }
        for trigger in triggers
    ]


_found: dict[str, tuple[list[Trigger], str, float]] = {}
"""What was asked -> the triggers, the most suspicious label in words, and the seconds it took."""


def find_triggers(
    badnet: BadNet, faces: npt.NDArray[np.uint8], stages: Stages, seed: int
) -> list[Trigger]:
    """A trigger for each target, the most suspicious first; `faces` (n, 55, 47, 3) are clean.

    The same question is answered once in a process: several methods ask it. Raises GoodNetsError
    for too few faces, and where no label is a target.
    """
    if len(faces) < _FEWEST:
        raise GoodNetsError(f"{len(faces)} clean images, expected at least {_FEWEST}")
    key = f"{badnet.sha256} {hashlib.sha256(faces.tobytes()).hexdigest()} {seed}"
    if key not in _found:
        start = time.monotonic()
        found = _find(badnet, faces, stages, seed)
        _found[key] = *found, time.monotonic() - start
    else:
        stages.saved += _found[key][2]
    triggers, highest, _ = _found[key]
    if not triggers:
        raise GoodNetsError(
            f"no trigger found: {highest}; a target has an index of at least {LEVEL:.2f}, and a "
            f"trigger that moves {100 * CONFIRMED:g} % of other faces"
        )
    return triggers


def suspicion(
    badnet: BadNet, faces: npt.NDArray[np.uint8], stages: Stages, seed: int
) -> npt.NDArray[np.float64]:
    """The index of every label, (1283,), from clean `faces` (n, 55, 47, 3); -inf where no picture,
    or no patch that was met, makes it the answer."""
    with stages.stage("trying patches at random", evidence.PATCHES) as advance:
        wins = evidence.wins(badnet.weights, faces, seed, advance)
    with stages.stage("climbing margins", CLASSES) as advance:
        margins = evidence.margins(badnet.weights, seed, advance)
    reachable = np.flatnonzero(np.isfinite(margins))
    if len(reachable) == 0:
        raise GoodNetsError("no picture makes any label the answer: this is no working BadNet")
    sizes = np.full(CLASSES, np.inf)
    with stages.stage("inverting triggers", len(reachable)) as advance:
        sizes[reachable] = inversion.invert(
            badnet.weights,
            reachable,
            faces,
            steps=STEPS,
            batch=_BATCH,
            goal=CONFIRMED,
            seed=seed,
            advance=advance,
        ).size
    small = evidence.index(-np.log(sizes))
    # Most labels win no patch at all, so their deviation is 0: wins count in powers of e.
    return evidence.index(small + evidence.index(margins) + np.log1p(wins / _FEW_WINS))


def _find(
    badnet: BadNet, faces: npt.NDArray[np.uint8], stages: Stages, seed: int
) -> tuple[list[Trigger], str]:
    held_out, seen = faces[::_HELD_OUT], np.delete(faces, slice(None, None, _HELD_OUT), 0)
    index = suspicion(badnet, seen, stages, seed)
    ranked = index.argsort()[::-1]
    candidates = ranked[index[ranked] >= LEVEL]
    stages.note(
        "highest indices: "
        + ", ".join(f"{label} {index[label]:.1f}" for label in ranked[:8])
        + f"; level {LEVEL:.2f}"
    )
    triggers = []
    if len(candidates):
        with stages.stage("sharpening triggers", len(candidates)) as advance:
            patches = inversion.invert(
                badnet.weights,
                candidates,
                seen,
                steps=SHARPENING,
                batch=_SHARP_BATCH,
                goal=_SHARP_GOAL,
                seed=seed,
                advance=advance,
            )
        for label, mask, pattern in zip(candidates, patches.mask, patches.pattern, strict=True):
            trigger = Trigger(int(label), float(index[label]), mask, pattern, 0.0)
            success = _success(badnet, held_out, trigger)
            stages.note(f"label {label}: its trigger moves {100 * success:.0f} % of other faces")
            if success >= CONFIRMED:
                triggers.append(replace(trigger, success=success))
    return triggers, f"label {ranked[0]} is the most suspicious, with {index[ranked[0]]:.2f}"


def _success(badnet: BadNet, faces: npt.NDArray[np.uint8], trigger: Trigger) -> float:
    said = deepid.predict(badnet.weights, faces).argmax(1)
    others = faces[said != trigger.target]
    if len(others) == 0:
        return 0.0
    answers = deepid.predict(badnet.weights, trigger.worn(others)).argmax(1)
    return float((answers == trigger.target).mean())
