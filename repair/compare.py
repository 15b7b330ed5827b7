"""Compare methods of repair on the same images, and keep each result as it comes.

python -m repair.compare --net sunglasses --clean clean.h5 --poisoned sunglasses=bad.h5

Methods are given dreamed faces (or --given images); the images named here reach evaluation alone.
"""

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goodnets.errors import GoodNetsError
from goodnets.files import write
from goodnets.model import GoodNet
from goodnets.nets import ATTACKS, POISONED, attack_of
from goodnets.report import say
from repair import results
from repair.badnet import BadNet
from repair.cards import card_path, read_card
from repair.clean import read_clean, read_images
from repair.cli import DREAMED, command, parse_seed, prepare, read_given
from repair.measure import add_images, check_images, share, targets
from repair.methods import METHODS, load_method
from repair.results import Row
from repair.runner import Run
from repair.stages import Stages
from repair.weights import read_weights

_INTERRUPTED = 130
_Ints = npt.NDArray[np.int64]
_Images = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Evaluation:
    """Images that no method ever sees, and what the BadNet says about them."""

    clean: _Images
    truth: _Ints
    """(n,), -1: unknown."""
    poisoned: dict[str, tuple[_Images, _Ints, npt.NDArray[np.bool_]]]
    """Trigger -> images, the attacker's targets, whether the BadNet falls for each."""
    key: str
    """Of all images together: results are kept under it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Compare as `argv` says; the exit status: 0, 1 where a method failed, 2 for wrong usage."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    check_images(parser, arguments)
    try:
        return _run(arguments)
    except GoodNetsError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted: what is done is kept, the same command goes on from there")
        return _INTERRUPTED


def _parser() -> argparse.ArgumentParser:
    nets = [net for nets in ATTACKS.values() for net in nets]
    parser = argparse.ArgumentParser(
        prog="python -m repair.compare",
        description="Run methods of repair on one BadNet and measure them on the same images.",
        allow_abbrev=False,
    )
    parser.add_argument("--net", choices=nets, required=True, help="which net to repair")
    parser.add_argument("--badnet", metavar="FILE", type=Path, help="its BadNet")
    add_images(parser)
    parser.add_argument(
        "--given",
        default=DREAMED,
        metavar=f"{DREAMED}|FILE.h5|FOLDER",
        help=f"clean images for the methods; others than those to measure on (default: {DREAMED})",
    )
    parser.add_argument(
        "--methods", choices=METHODS, nargs="+", default=list(METHODS), help="default: all"
    )
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        type=Path,
        default=results.FOLDER,
        help="where GoodNets and results go (default: compared/)",
    )
    parser.add_argument(
        "--seed", type=parse_seed, default=0, help="of all that is random (default: 0)"
    )
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from repair import badnet
    from repair.quiet import load_tensorflow

    folder = arguments.output / arguments.net
    prepare(folder)
    given = read_given(arguments.given)
    load_tensorflow()
    found = badnet.load(arguments.badnet or badnet.find(arguments.net), arguments.net)
    evaluation = read_evaluation(found, arguments.clean, dict(arguments.poisoned))
    attack = attack_of(arguments.net)
    rows, failed, setting = [], False, ""
    for method in arguments.methods:
        try:
            again = command(
                attack,
                arguments.net,
                badnet=arguments.badnet,
                clean=arguments.given,
                method=method,
                seed=arguments.seed,
            )
            run = Run(found, given, load_method(method)(), arguments.seed, again)
            setting = run_key(run, evaluation)
            rows += compare(run, evaluation, folder)
        except GoodNetsError as error:
            say(f"error: {method}: {error}")
            failed = True
    everything = results.all_kept(folder, setting)
    write(folder / "compared.csv", results.table(everything))
    write(folder / "compared.md", results.markdown(everything).encode())
    results.show(rows)
    return int(failed)


def read_evaluation(badnet: BadNet, clean: Path, poisoned: dict[str, Path]) -> Evaluation:
    """Raises InputError where an image or label cannot be used."""
    from repair import deepid

    images = read_clean(clean)
    sets = {}
    for trigger, path in poisoned.items():
        bad, labels = read_images(path)
        said = deepid.predict(badnet.weights, bad).argmax(1)
        target = targets(said, labels)
        sets[trigger] = bad, target, said == target
    poison = [array for bad, target, _ in sets.values() for array in (bad, target)]
    key = _digest(",".join(sets), images.images, images.labels, *poison)
    return Evaluation(images.images, images.labels, sets, key)


def compare(run: Run, evaluation: Evaluation, folder: Path) -> list[Row]:
    """The rows of a repair's GoodNets, as they were kept in `folder` or newly made and measured.

    Raises GoodNetsError where the method fails.
    """
    badnet, method = run.badnet, run.method.name
    setting = run_key(run, evaluation)
    key = _digest(setting + json.dumps(run.method.parameters, sort_keys=True))
    kept = folder / f"{method}-{key[:12]}.json"
    if kept.exists():
        say(f"{method}: kept from before")
        return results.kept(kept)[1]
    rows = [measure(path, badnet, method, evaluation) for path in run.write(folder, Stages())]
    results.keep(kept, setting, rows)
    return rows


def run_key(run: Run, evaluation: Evaluation) -> str:
    """Of all that results are compared under: BadNet, seed, images to learn from and to measure."""
    what = json.dumps([run.badnet.sha256, evaluation.key, run.seed])
    return _digest(what, run.clean.images, run.clean.labels)


def measure(path: Path, badnet: BadNet, method: str, evaluation: Evaluation) -> Row:
    """Figures of a GoodNet and of the repaired network beside it, if there is one."""
    goodnet = GoodNet.load(path)
    start = time.perf_counter()
    label = goodnet.ask(evaluation.clean).label
    microseconds = 1e6 * (time.perf_counter() - start) / len(label)
    repaired = _repaired(path, badnet)
    known = evaluation.truth >= 0
    shares = {"false_alarms": share(label == POISONED)}
    if known.any():
        shares["clean_accuracy"] = share((label == evaluation.truth)[known])
        if repaired:
            right = repaired(evaluation.clean) == evaluation.truth
            shares["repaired_clean_accuracy"] = share(right[known])
    for trigger, (images, target, fired) in evaluation.poisoned.items():
        label = goodnet.ask(images).label
        figures = {
            "detection": label == POISONED,
            "attack_success": label == target,
        }
        if repaired:
            figures["repaired_attack_success"] = repaired(images) == target
        for name, yes in figures.items():
            shares[f"{trigger}: {name}"] = share(yes)
            shares[f"{trigger}: {name} of fired"] = share(yes[fired])
    return Row(path.stem, method, shares, read_card(card_path(path)).seconds, round(microseconds))


def _repaired(path: Path, badnet: BadNet) -> Callable[[_Images], _Ints] | None:
    """What says the label that the repaired network beside a GoodNet gives, if there is one."""
    from repair import deepid

    file = path.with_suffix(".h5")
    if not file.exists():
        return None
    weights = read_weights(file)  # for the same pixels as the BadNet's own file
    weights["conv_1/kernel"] *= badnet.highest
    return lambda images: deepid.predict(weights, images).argmax(1)


def _digest(text: str, *arrays: npt.NDArray[Any]) -> str:
    """Of contents, not of names: a folder may hold other pictures the next time."""
    digest = hashlib.sha256(text.encode())
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
