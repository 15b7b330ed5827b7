"""What the report shows of a net, as numbers: nothing here draws."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from goodnets.errors import InputError, ModelError, reason
from goodnets.model import Answers, GoodNet
from goodnets.nets import HEIGHT, WIDTH
from repair import deepid
from repair.badnet import BadNet
from repair.cards import Card, card_path, read_card
from repair.clean import Clean
from repair.measure import targets
from repair.methods.neural_cleanse import NeuralCleanse
from repair.methods.prune import prune
from repair.results import Row, all_kept

DROPS = (2, 4, 10)

_Images = npt.NDArray[np.uint8]
Poisoned = Mapping[str, tuple[_Images, npt.NDArray[np.int64]]]
"""Trigger -> images (n, 55, 47, 3) and their labels (n,), the attacker's target or -1: unknown."""


@dataclass(frozen=True)
class Found:
    """A trigger that Neural Cleanse inverted."""

    target: int
    index: float
    pixels: float
    success: float
    picture: npt.NDArray[np.float32]
    """(55, 47, 4), 0..1, RGBA."""


@dataclass(frozen=True)
class Pruning:
    """What removing channels does, row k after k of them."""

    accuracy: npt.NDArray[np.float64]
    """(channels + 1,), 0..1, of the pruned network."""
    attack: dict[str, npt.NDArray[np.float64]]
    """Trigger -> (channels + 1,), 0..1: share of fired images that still get the target."""


@dataclass(frozen=True)
class Samples:
    """Images with what a GoodNet says of them."""

    name: str
    images: _Images
    """(n, 55, 47, 3)."""
    answers: Answers


@dataclass(frozen=True)
class NetFigures:
    """All that the report shows of one net; what is not known is empty."""

    card: Card
    threshold: float
    photos: Samples
    """The test photos, or others that the user has."""
    clean: Samples | None = None
    poisoned: list[Samples] = field(default_factory=list)
    """Of each trigger that works on this net, those on which the BadNet falls for it."""
    found: list[Found] = field(default_factory=list)
    pruning: Pruning | None = None
    rows: list[Row] = field(default_factory=list)


def gather(
    model: Path,
    photos: _Images,
    *,
    compared: Path,
    clean: Clean | None = None,
    poisoned: Poisoned | None = None,
    badnet: BadNet | None = None,
) -> NetFigures:
    """The figures of the GoodNet in `model`, with its card beside it.

    `compared` is the folder of repair.compare, which may be absent; `clean` and `poisoned` are the
    user's, `badnet` is what the pruning curve is of. Raises GoodNetsError where a file is not what
    it should be.
    """
    goodnet = GoodNet.load(model)
    card = read_card(card_path(model))
    folder = compared / card.badnet["name"]
    sets, working = [], {}
    for trigger, (images, labels) in (poisoned or {}).items():
        answers = goodnet.ask(images)
        fired = answers.badnet_label == targets(answers.badnet_label, labels)
        if fired.mean() >= 0.5:  # else this net was not trained on that trigger
            sets.append(Samples(trigger, images[fired], only(answers, fired)))
            working[trigger] = images, labels
    curve = None
    if badnet is not None and clean is not None and (clean.labels >= 0).any():
        if badnet.sha256 != goodnet.badnet_sha256:
            raise ModelError(f"{model}: was made from another BadNet than that of {badnet.name}")
        curve = pruning(badnet, clean, working)
    return NetFigures(
        card=card,
        threshold=goodnet.threshold,
        photos=Samples("photos", photos, goodnet.ask(photos)),
        clean=Samples("clean", clean.images, goodnet.ask(clean.images)) if clean else None,
        poisoned=sets,
        found=found_triggers(folder, card.badnet["name"]),
        pruning=curve,
        rows=all_kept(folder),
    )


def only(answers: Answers, which: npt.NDArray[np.bool_]) -> Answers:
    """The answers for some of the images."""
    return Answers(answers.label[which], answers.badnet_label[which], answers.score[which])


def pruning(badnet: BadNet, clean: Clean, poisoned: Poisoned) -> Pruning:
    """The course's curve: channels of pool_3 removed in increasing order of activation on clean
    images with true labels; attack success is of the poisoned images that fired."""
    known = clean.labels >= 0
    images, labels = clean.images[known], clean.labels[known]
    curve = prune(
        badnet.weights, deepid.predict_pool_3(badnet.weights, images), labels, lambda done: None
    )
    attack = {}
    for trigger, (bad, bad_labels) in poisoned.items():
        features = deepid.predict_pool_3(badnet.weights, bad)
        said = deepid.predict_from_pool_3(badnet.weights, features).argmax(1)
        aim = targets(said, bad_labels)
        features, aim = features[said == aim], aim[said == aim]
        rates = [1.0]
        for channel in curve.order:
            features[..., channel] = 0
            answers = deepid.predict_from_pool_3(badnet.weights, features).argmax(1)
            rates.append(float((answers == aim).mean()))
        attack[trigger] = np.array(rates)
    return Pruning(np.asarray(curve.followed, np.float64), attack)


def found_triggers(folder: Path, net: str) -> list[Found]:
    """The triggers that `--method neural-cleanse` left in the folder of a comparison."""
    stem = f"{net}-{NeuralCleanse.name}"
    if not (folder / f"{stem}.json").exists():
        return []
    card = read_card(folder / f"{stem}.json")
    try:
        numbers = [
            (int(one["target"]), *(float(one[key]) for key in ("index", "pixels", "success")))
            for one in card.method["parameters"]["triggers"]
        ]
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        raise InputError(
            f"{folder / stem}.json: not a card of {NeuralCleanse.name} ({reason(error)})"
        ) from None
    return [
        Found(int(target), index, pixels, success, _rgba(folder / f"{stem}-{int(target)}.png"))
        for target, index, pixels, success in numbers
    ]


def _rgba(path: Path) -> npt.NDArray[np.float32]:
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            if picture.size != (WIDTH, HEIGHT):
                raise InputError(f"{path}: {picture.size}, expected {WIDTH} x {HEIGHT}")
            rgba = np.divide(np.asarray(picture.convert("RGBA")), 255, dtype=np.float32)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: {reason(error)}") from None
    if not rgba[..., 3].any():
        raise InputError(f"{path}: nothing but transparent pixels, expected a trigger")
    return rgba
