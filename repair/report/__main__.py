"""Write one page about GoodNets, with all its pictures inside.

python -m repair.report --output report.html --clean clean.h5 --poisoned sunglasses=bad.h5
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from jinja2 import Environment, PackageLoader, StrictUndefined

from goodnets.errors import GoodNetsError, reason
from goodnets.files import try_folder, write
from goodnets.nets import ATTACKS, HEIGHT, POISONED, WIDTH
from goodnets.report import say
from repair.cards import CardError
from repair.clean import Clean, read_clean, read_images
from repair.measure import check_images, named_set
from repair.quiet import load_tensorflow
from repair.results import FOLDER, columns

if TYPE_CHECKING:
    from repair.report.figures import NetFigures, Poisoned

_INTERRUPTED = 130
_PHOTOS = Path("test-photos")
_MODELS = Path("models")
_NETS = [net for nets in ATTACKS.values() for net in nets]


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page as `argv` says; the exit status: 0, 1 for an error, 2 for wrong usage."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    check_images(parser, arguments)
    try:
        try_folder(arguments.output.parent)
        write(arguments.output, _page(arguments).encode())
    except GoodNetsError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m repair.report",
        description="Write one page about GoodNets: what was found, how they decide, and how "
        "methods compare. It needs no network and holds all its pictures.",
        epilog="BadNets are looked for as by the scripts of repair; without one its pruning curve "
        "is left out.",
        allow_abbrev=False,
    )
    parser.add_argument("--output", metavar="FILE.html", type=Path, required=True)
    parser.add_argument("--nets", choices=_NETS, nargs="+", default=_NETS, help="default: all")
    parser.add_argument(
        "--models", metavar="FOLDER", type=Path, default=_MODELS, help="default: models/"
    )
    parser.add_argument(
        "--compared",
        metavar="FOLDER",
        type=Path,
        default=FOLDER,
        help="what repair.compare wrote (default: compared/)",
    )
    parser.add_argument(
        "--photos",
        metavar="FOLDER",
        type=Path,
        default=_PHOTOS,
        help="faces to show with their verdicts (default: test-photos/)",
    )
    parser.add_argument(
        "--clean", metavar="FILE.h5|FOLDER", type=Path, help="clean images, for scores and curves"
    )
    parser.add_argument(
        "--poisoned",
        metavar="TRIGGER=FILE.h5",
        nargs="+",
        type=named_set,
        default=[],
        help="poisoned images; for each net those that work on it are shown",
    )
    return parser


def _page(arguments: argparse.Namespace) -> str:
    load_tensorflow()
    photos, _ = read_images(arguments.photos)
    clean = read_clean(arguments.clean) if arguments.clean else None
    poisoned = {trigger: read_images(path) for trigger, path in arguments.poisoned}
    nets = []
    for net in arguments.nets:
        say(f"{net} ...")
        nets.append(_net(arguments, net, photos, clean, poisoned))
    counts = [f"clean: {len(clean)}"] if clean else []
    counts += [f"{trigger}: {len(images)}" for trigger, (images, _) in poisoned.items()]
    sources = f"Images given for this page: {', '.join(counts)}." if counts else ""
    environment = Environment(
        loader=PackageLoader("repair.report", "."),
        autoescape=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    return environment.get_template("page.html").render(
        nets=nets, sources=sources, poisoned=POISONED
    )


def _net(
    arguments: argparse.Namespace,
    net: str,
    photos: npt.NDArray[np.uint8],
    clean: Clean | None,
    poisoned: "Poisoned",
) -> dict[str, Any]:
    """What the template shows of a net."""
    from repair import badnet
    from repair.report.figures import gather

    try:
        network = badnet.load(badnet.find(net), net) if clean else None
    except GoodNetsError as error:
        say(f"warning: no pruning curve: {error}")
        network = None
    figures = gather(
        arguments.models / f"{net}.onnx",
        photos,
        compared=arguments.compared,
        clean=clean,
        poisoned=poisoned,
        badnet=network,
    )
    try:
        return _shown(net, figures, photos[0])
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        path = arguments.models / f"{net}.json"
        raise CardError(f"{path}: not a card ({reason(error)})") from None


def _shown(net: str, figures: "NetFigures", face: npt.NDArray[np.uint8]) -> dict[str, Any]:
    """The figures of a net as the template wants them; triggers are shown on the face."""
    from repair.report import pictures

    card, plots = figures.card, []
    given = [*([figures.clean] if figures.clean else []), *figures.poisoned]
    if given:
        scores = pictures.scores(figures.clean, figures.poisoned, figures.threshold)
        plots.append(("Scores and threshold", scores))
    if figures.pruning:
        plots.append(("Pruning: what it costs, what it leaves", pictures.pruning(figures.pruning)))
    bars = pictures.drops(figures.rows)
    if bars:
        plots.append(("Pruned at 2, 4 and 10 points", bars))
    suspects = card.method["parameters"].get("suspects", {})
    return {
        "name": net,
        "method": card.method["name"],
        "given": card.clean["description"],
        "command": card.command,
        "facts": _facts(figures.threshold, card.measured),
        "suspects": ", ".join(f"{label} ({lift:g})" for label, lift in list(suspects.items())[:5]),
        "triggers": [
            vars(found) | pictures.trigger(found, face) | {"where": _where(found.picture)}
            for found in figures.found
        ],
        "faces": [(samples.name, pictures.faces(samples)) for samples in (figures.photos, *given)],
        "plots": plots,
        "table": [columns(row) for row in figures.rows],
    }


def _facts(threshold: float, measured: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Names and values of a card's own figures."""
    facts = [("threshold", f"{threshold:.2f}")]
    if measured:
        last = measured[-1]
        for name in ("clean_accuracy", "false_alarms"):
            if name in last["clean"]:
                facts.append((name.replace("_", " "), _percent(last["clean"][name])))
        for trigger, shares in last["poisoned"].items():
            facts.append((f"{trigger}: fired detected", _percent(shares["detection_of_fired"])))
    return facts


def _percent(share: dict[str, Any]) -> str:
    if not share["of"]:
        return "no image"
    return f"{100 * share['count'] / share['of']:.1f} % of {share['of']}"


def _where(picture: npt.NDArray[np.float32]) -> str:
    """Where on the picture (55, 47, 4) a trigger has most of its mask, in words."""
    mask = picture[..., 3]
    row = float((mask.sum(1) * np.arange(HEIGHT)).sum() / mask.sum())
    column = float((mask.sum(0) * np.arange(WIDTH)).sum() / mask.sum())
    down = ("top", "upper half", "middle", "lower half", "bottom")[int(5 * row / HEIGHT)]
    across = ("left", "centre", "right")[int(3 * column / WIDTH)]
    return f"{down}, {across}"


if __name__ == "__main__":
    sys.exit(main())
