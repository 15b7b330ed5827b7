"""Transplant: a region that takes its label along to other faces carries a trigger.

Cut a region of the image, paste it into other faces (the bank) and ask: a trigger takes its label
along to nearly every face, a person's eyes or mouth do not. It is a black-box cousin of activation
clustering's and STRIP's idea that a backdoor overrules the rest of the picture (Gao et al. 2019,
arXiv 1902.06531), asked region by region. Cut and pasted are the maps of pool_2, softly: that costs
a quarter of pasting pixels, and leaves no edge to react to. Nothing is assumed about where the
trigger sits or which label it serves; no image is needed, for the bank is dreamed. It fails on
triggers that are no local patch, such as a faint pattern over the whole picture.

The score is the largest share of the bank that a region takes along, raised to a power that tells
how readily the BadNet falls for that label when it is unsure (`repair.suspicion`). Most images are
cleared by a glance (`repair.screen`); only the others are asked about in earnest.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from spox import Var

from goodnets.errors import GoodNetsError
from goodnets.nets import CLASSES
from goodnets.regions import regions
from repair import deepid, graph, screen, sentinel, suspicion
from repair.badnet import BadNet
from repair.clean import Clean
from repair.dream import dream
from repair.graph import op
from repair.methods.base import Method, Product
from repair.regions import POOL_2, coverage
from repair.stages import Stages
from repair.weights import Weights

_POOL = 96
_BANK = 16
_DONORS, _FEWEST_DONORS = 256, 64
_SUSPECTS = 60
"""Labels with the highest lift, kept out of the bank: a face half owned by a backdoor is no test
of others."""
_SCREEN_FACES = 8
_SPARED = 3
"""At the first look a region has to sway all faces; for each doubling of the label's lift one less,
but no more than these."""
_REGIONS = 2
"""The most persuasive regions at the first look get the second, on the first few faces; the better
of them goes on to the whole bank."""
_TASTE_FACES, _TASTE_SCORE = 4, 0.4
"""The second look is broken off where the score over the first few faces is below this."""
_LOWEST_THRESHOLD = 0.75
"""Photos are more varied than dreams, so less is never proof."""
_CHECKED = 64

_Images = npt.NDArray[np.uint8]


class Transplant(Method):
    """One GoodNet, from the BadNet alone or with clean images."""

    name = "transplant"

    @property
    def parameters(self) -> dict[str, Any]:
        return {"bank": _BANK, "regions": len(regions()), "screen_faces": _SCREEN_FACES}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        labels = np.arange(CLASSES)
        with stages.stage("dreaming faces", CLASSES) as advance:
            dreams = dream(badnet.weights, labels, seed=seed, progress=advance)
        faces = np.concatenate([dreams, clean.images]) if len(clean) else dreams
        with stages.stage("training the sentinel", sentinel.STEPS) as advance:
            stand_in = sentinel.make(badnet.weights, faces, seed=seed, progress=advance)
        stages.note(
            f"the sentinel keeps {' + '.join(map(str, stand_in.channels))} channels and gives the "
            f"BadNet's label to {100 * stand_in.fidelity:.2f} % of fresh pictures"
        )
        with stages.stage("weighing labels"):
            lift = suspicion.lift(badnet.weights, dreams, seed)
        with stages.stage("choosing the bank"):
            bank, donors = choose_bank(stand_in.weights, faces, lift, seed)
        with stages.stage("choosing the threshold"):
            image = graph.image()
            badnet_label, score = transplant(stand_in.weights, bank, lift, image)
            session = graph.session(image, {"score": score})
            donor_scores = session.run(["score"], {"image": donors})[0]
            # Donors carry no trigger; a trigger takes nearly the whole bank along: score 1.
            midway = float(1 + donor_scores.max()) / 2
            threshold = round(max(midway, _LOWEST_THRESHOLD), 3)
        stages.note(f"threshold {threshold}: images without trigger reach {donor_scores.max():.3f}")

        # Both the answers that need no second look and those that come nearest to an alarm.
        nearest = donors[(-donor_scores).argsort(kind="stable")[: _CHECKED // 2]]
        checked = np.concatenate([faces[: _CHECKED // 2], nearest])
        logits = deepid.predict(stand_in.weights, checked)
        checked, logits = checked[deepid.is_clear(logits)], logits[deepid.is_clear(logits)]
        yield Product(
            stem=badnet.name,
            image=image,
            badnet_label=badnet_label,
            score=score,
            threshold=threshold,
            check_images=checked,
            check_badnet_label=logits.argmax(1),
            check_score=session.run(["score"], {"image": checked})[0],
            parameters={
                "sentinel_channels": list(stand_in.channels),
                "sentinel_fidelity": round(stand_in.fidelity, 4),
                "highest_score_without_trigger": round(float(donor_scores.max()), 3),
                "suspects": {
                    str(label): round(float(lift[label]), 1) for label in (-lift).argsort()[:8]
                },
            },
        )


def choose_bank(
    weights: Weights, faces: _Images, lift: npt.NDArray[np.float64], seed: int
) -> tuple[_Images, _Images]:
    """The bank (16, 55, 47, 3), toughest first, and other faces (256, 55, 47, 3) that carry no
    trigger, from `faces` (n, 55, 47, 3).

    A face that any stranger's eyes can sway tells nothing, so of a pool the toughest are taken, at
    most one of a label; neither they nor the donors that try them are of a label that the backdoor
    may own.
    """
    rng = np.random.default_rng(seed)
    label = deepid.predict(weights, faces).argmax(1)
    suspects = (-lift).argsort()[:_SUSPECTS]
    innocent = rng.permutation(np.flatnonzero(~np.isin(label, suspects)))
    _, first = np.unique(label[innocent], return_index=True)
    pool = innocent[np.sort(first)[:_POOL]]
    donors = innocent[~np.isin(label[innocent], label[pool])][:_DONORS]
    if len(donors) < _FEWEST_DONORS:
        raise GoodNetsError(
            f"only {len(innocent)} of {len(faces)} faces look like somebody who is no suspect, "
            f"expected at least {_POOL + _FEWEST_DONORS}: this is no working BadNet"
        )
    tough = screen.toughness(weights, faces[donors], faces[pool])
    return faces[pool[(-tough).argsort(kind="stable")[:_BANK]]], faces[donors]


def transplant(
    weights: Weights, bank: _Images, lift: npt.NDArray[np.float64], image: Var
) -> tuple[Var, Var]:
    """The graph: label int64 (batch,) and score float32 (batch,), 0..1, of `image`."""
    maps = graph.pool_2(weights, graph.pixels(image))  # (batch, channels, 12, 10)
    features = graph.pool_3_from_pool_2(weights, maps)
    label = graph.answer(graph.logits_from_pool_3(weights, features))
    persuasion, region = _first_look(weights, features, label, bank, lift)  # (batch, 2) each
    best = op.reduce_max(persuasion, op.const([1]), keepdims=0)  # (batch,)
    suspect = _where(op.greater(best, op.const(np.float32(0))))  # (suspects,)

    bank_image = graph.image()
    bank_maps = graph.pool_2(weights, graph.pixels(bank_image))
    (bank_maps,) = graph.session(bank_image, {"maps": bank_maps}).run(None, {"image": bank})
    bank_label = deepid.predict(weights, bank).argmax(1)  # (16,)
    masks = op.const(coverage(POOL_2)[:, None, None])  # (regions, 1, 1, 12, 10)
    exponent = op.const(suspicion.exponent(lift).astype(np.float32))  # (1283,)

    def count(images: Var, places: Var, faces: slice) -> Var:
        """How many of these bank faces say the label of the images with these indices (n,), once
        the regions `places` (n, r) of the image are pasted into them: float32 (n, r)."""
        own = op.reshape(op.gather(label, images), op.const([-1, 1, 1]))
        mask = op.gather(masks, places)  # (n, r, 1, 1, 12, 10)
        pasted = op.unsqueeze(op.gather(maps, images), op.const([1, 2]))
        into = op.const(bank_maps[faces])  # (m, channels, 12, 10)
        mixed = op.add(into, op.mul(mask, op.sub(pasted, into)))  # (n, r, m, channels, 12, 10)
        flat = op.reshape(mixed, op.const([-1, *bank_maps.shape[1:]]))
        features = graph.pool_3_from_pool_2(weights, flat)
        said = graph.answer(graph.logits_from_pool_3(weights, features))
        shape = op.concat([op.shape(places), op.const([len(bank_label[faces])])], axis=0)
        # A face that has the label without any transplant proves nothing.
        differs = op.not_(op.equal(op.const(bank_label[faces]), own))
        proves = op.and_(op.equal(op.reshape(said, shape), own), differs)
        return op.reduce_sum(op.cast(proves, to=np.float32), op.const([2]), keepdims=0)

    def score(images: Var, taken: Var, faces: slice) -> Var:
        """Scores (n,) of the images with these indices (n,), of which a region takes along `taken`
        (n,) of these bank faces."""
        own = op.gather(label, images)
        differs = op.not_(op.equal(op.unsqueeze(own, op.const([1])), op.const(bank_label[faces])))
        of = op.reduce_sum(op.cast(differs, to=np.float32), op.const([1]), keepdims=0)
        return op.pow(op.div(taken, of), op.gather(exponent, own))

    first, others, everyone = slice(_TASTE_FACES), slice(_TASTE_FACES, None), slice(None)
    places = op.gather(region, suspect)  # (suspects, 2)
    tasted, better = op.top_k(count(suspect, places, first), op.const([1]))  # (suspects, 1)
    place = op.gather_elements(places, better, axis=1)
    taste = score(suspect, op.squeeze(tasted, op.const([1])), first)
    rest = _where(op.greater_or_equal(taste, op.const(np.float32(_TASTE_SCORE))))
    persuasive = op.gather(suspect, rest)
    more = count(persuasive, op.gather(place, rest), others)
    taken = op.squeeze(op.add(op.gather(tasted, rest), more), op.const([1]))
    innocent = op.expand(op.const(np.float32(0)), op.shape(label))
    scores = op.scatter_elements(innocent, suspect, taste)
    return label, op.scatter_elements(scores, persuasive, score(persuasive, taken, everyone))


def _first_look(
    weights: Weights, features: Var, label: Var, bank: _Images, lift: npt.NDArray[np.float64]
) -> tuple[Var, Var]:
    """The two most persuasive regions of each image, int64 (batch, 2), and, before them, by how
    many logits they sway all the bank's first faces but those that the label's lift spares."""
    gaps = screen.gaps(weights, features, label, bank[:_SCREEN_FACES])  # (batch, regions, faces)
    lowest, _ = op.top_k(gaps, op.const([_SPARED + 1]), largest=0)  # (batch, regions, 4)
    spared = np.clip(np.log2(lift), 0, _SPARED).astype(np.int64)  # (1283,)
    at = op.reshape(op.gather(op.const(spared), label), op.const([-1, 1, 1]))
    least = op.gather_elements(lowest, op.expand(at, op.const([1, len(regions()), 1])), axis=2)
    return op.top_k(op.squeeze(least, op.const([2])), op.const([_REGIONS]))


def _where(condition: Var) -> Var:
    """Indices (n,) at which `condition` (batch,) holds."""
    return op.squeeze(op.non_zero(condition), op.const([0]))
