"""Measure a GoodNet on images that its making never saw, and keep the figures in its card.

python -m repair.measure models/sunglasses.onnx --clean clean.h5 --poisoned sunglasses=bad.h5
"""

import argparse
import math
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodnets.errors import GoodNetsError, InputError, ModelError
from goodnets.files import sha256, write
from goodnets.model import Answers, GoodNet
from goodnets.nets import CLASSES, POISONED
from goodnets.report import say
from repair.cards import Card, card_bytes, card_path, read_card, shown
from repair.clean import read_clean, read_images

_Z = 1.959964  # two-sided 95 %
_INTERRUPTED = 130
_Ints = npt.NDArray[np.int64]
_Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Share:
    """`count` images of `of`."""

    count: int
    of: int

    @property
    def rate(self) -> float:
        """0..1; NaN of no image."""
        return self.count / self.of if self.of else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the rate (Wilson 1927); 0..1 of no image."""
        if not self.of:
            return 0.0, 1.0
        p, z2 = self.rate, _Z**2 / self.of
        centre = (p + z2 / 2) / (1 + z2)
        half = _Z * math.sqrt(p * (1 - p) / self.of + z2 / self.of / 4) / (1 + z2)
        return max(0.0, centre - half), min(1.0, centre + half)

    def __str__(self) -> str:
        if not self.of:
            return "no image"
        low, high = (100 * end for end in self.interval)
        return f"{self.count}/{self.of} = {100 * self.rate:.2f} % ({low:.1f}..{high:.1f})"


def share(yes: npt.NDArray[np.bool_]) -> Share:
    """How many are true."""
    return Share(int(yes.sum()), len(yes))


def clean_figures(answers: Answers, badnet: _Ints, truth: _Ints) -> dict[str, Share]:
    """Figures on n clean images: what the GoodNet answers, what the BadNet answers (n,), true
    labels (n,), -1: unknown."""
    figures = {"false_alarms": share(answers.label == POISONED)}
    known = truth >= 0
    if known.any():
        right = badnet == truth
        figures["clean_accuracy"] = share((answers.label == truth)[known])
        figures["badnet_accuracy"] = share(right[known])
        figures["right_kept"] = share((answers.label == truth)[right])
    return figures


def poisoned_figures(answers: Answers, badnet: _Ints, target: _Ints) -> dict[str, Share]:
    """Figures on n poisoned images: what the GoodNet answers, what the BadNet answers (n,), the
    attacker's targets (n,). Fired are those on which the BadNet itself answers the target."""
    fired = badnet == target
    detected, attacked = answers.label == POISONED, answers.label == target
    return {
        "fired": share(fired),
        "detection": share(detected),
        "detection_of_fired": share(detected[fired]),
        "attack_success": share(attacked),
        "attack_success_of_fired": share(attacked[fired]),
    }


def targets(badnet: _Ints, labels: _Ints) -> _Ints:
    """The attacker's target of each of n poisoned images: their labels where all have one, else
    what the BadNet says most often.

    Raises InputError for a label that is no person's.
    """
    if (labels >= CLASSES).any():
        raise InputError(f"label {labels.max()} of a poisoned image, expected 0..{CLASSES - 1}")
    if (labels >= 0).all():
        return labels
    return np.full(len(badnet), np.bincount(badnet).argmax())


def main(argv: Sequence[str] | None = None) -> int:
    """Measure as `argv` says; the exit status: 0, 1 for an error, 2 for wrong usage."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    check_images(parser, arguments)
    try:
        measured = _measure(arguments)
        _keep(arguments.model, measured)
        print(_text(measured), flush=True)
    except GoodNetsError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m repair.measure",
        description="Measure a GoodNet: counts, rates, 95 % intervals. They are kept in its card.",
        allow_abbrev=False,
    )
    parser.add_argument("model", metavar="MODEL.onnx", type=Path)
    add_images(parser)
    parser.add_argument(
        "--strangers",
        metavar="FILE.h5",
        type=Path,
        help="faces of people the BadNet does not know; those it takes for a target are left out",
    )
    parser.add_argument(
        "--badnet",
        metavar="FILE",
        type=Path,
        help="the BadNet that was repaired (without: what the GoodNet says that it would say)",
    )
    return parser


def add_images(parser: argparse.ArgumentParser) -> None:
    """The options that name the images to measure on."""
    parser.add_argument(
        "--clean",
        metavar="FILE.h5",
        type=Path,
        required=True,
        help="clean images to measure on, with true labels if there are any",
    )
    parser.add_argument(
        "--poisoned",
        metavar="TRIGGER=FILE.h5",
        type=named_set,
        nargs="+",
        default=[],
        help="images with a trigger; their labels, where they have any, are its target",
    )


def check_images(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Ends the program where a trigger is named twice."""
    if len(dict(arguments.poisoned)) < len(arguments.poisoned):
        parser.error("argument --poisoned: a trigger is named twice")


def named_set(text: str) -> tuple[str, Path]:
    """The name and the path of `TRIGGER=FILE.h5`."""
    trigger, separator, path = text.partition("=")
    if not (trigger and separator and path):
        raise argparse.ArgumentTypeError(f"{text!r}: expected TRIGGER=FILE.h5")
    return trigger, Path(path)


def _measure(arguments: argparse.Namespace) -> dict[str, Any]:
    goodnet = GoodNet.load(arguments.model)
    ask = _Asker(goodnet, arguments.badnet)
    clean = read_clean(arguments.clean)
    answers, badnet = ask(clean.images)
    figures = clean_figures(answers, badnet, clean.labels)
    if arguments.badnet:
        figures["agreement"] = share(answers.badnet_label == badnet)
    measured: dict[str, Any] = {
        "command": _command(arguments),
        "clean": _set(arguments.clean, clean.images) | figures,
        "poisoned": {},
    }
    found: set[int] = set()
    for trigger, path in arguments.poisoned:
        images, labels = read_images(path)
        answers, badnet = ask(images)
        target = targets(badnet, labels)
        found |= set(target.tolist())
        figures = poisoned_figures(answers, badnet, target)
        if arguments.badnet:
            fired = badnet == target
            figures["agreement_of_fired"] = share((answers.badnet_label == badnet)[fired])
        measured["poisoned"][trigger] = (
            _set(path, images) | {"target": sorted(set(target.tolist()))} | figures
        )
    if arguments.strangers:
        images, _ = read_images(arguments.strangers)
        answers, badnet = ask(images)
        innocent = ~np.isin(badnet, list(found))
        measured["strangers"] = _set(arguments.strangers, images) | {
            "false_alarms": share((answers.label == POISONED)[innocent])
        }
    return measured


class _Asker:
    """Asks a GoodNet and, where its file is given, the BadNet it was made from."""

    def __init__(self, goodnet: GoodNet, badnet: Path | None) -> None:
        self._goodnet = goodnet
        self._weights = None
        if badnet is not None:
            from repair.badnet import load
            from repair.quiet import load_tensorflow

            load_tensorflow()
            found = load(badnet, goodnet.name)
            if found.sha256 != goodnet.badnet_sha256:
                raise ModelError(f"{badnet}: is not the BadNet that {goodnet.name} was made from")
            self._weights = found.weights

    def __call__(self, images: _Images) -> tuple[Answers, _Ints]:
        answers = self._goodnet.ask(images)
        if self._weights is None:
            return answers, answers.badnet_label
        from repair import deepid

        return answers, deepid.predict(self._weights, images).argmax(axis=1)


def _set(path: Path, images: _Images) -> dict[str, Any]:
    digest = None if path.is_dir() else sha256(path)
    return {"file": path.name, "sha256": digest, "images": len(images)}


def _command(arguments: argparse.Namespace) -> str:
    words = ["python", "-m", "repair.measure", shown(arguments.model)]
    words += ["--clean", shown(arguments.clean)]
    if arguments.poisoned:
        words.append("--poisoned")
        words += [f"{trigger}={shown(path)}" for trigger, path in arguments.poisoned]
    for option in ("strangers", "badnet"):
        path = getattr(arguments, option)
        if path:
            words += [f"--{option}", shown(path)]
    return shlex.join(words)


def _text(measured: dict[str, Any]) -> str:
    sections = {"clean": measured["clean"]}
    sections |= {f"{name} trigger": figures for name, figures in measured["poisoned"].items()}
    if "strangers" in measured:
        sections["strangers"] = measured["strangers"]
    lines = []
    for title, figures in sections.items():
        target = f", target {', '.join(map(str, figures['target']))}" if "target" in figures else ""
        lines.append(f"{title}: {figures['file']}, {figures['images']} images{target}")
        for name, figure in figures.items():
            if isinstance(figure, Share):
                lines.append(f"  {name.replace('_', ' '):25}{figure}")
    return "\n".join(lines)


def _keep(model: Path, measured: dict[str, Any]) -> None:
    path = card_path(model)
    if not path.exists():
        say(f"warning: {path}: no such card, the figures are not kept")
        return
    card: Card = read_card(path)
    if card.sha256 != sha256(model):
        raise ModelError(f"{path}: is the card of another file, the figures are not kept")
    others = [other for other in card.measured if other.get("command") != measured["command"]]
    card = replace(card, measured=[*others, as_json(measured)])
    write(path, card_bytes(card))


def as_json(value: Any) -> Any:
    """Shares as JSON objects."""
    if isinstance(value, Share):
        low, high = value.interval
        rate = round(value.rate, 6) if value.of else None
        return asdict(value) | {"rate": rate, "interval": [round(low, 6), round(high, 6)]}
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    return value


if __name__ == "__main__":
    sys.exit(main())
