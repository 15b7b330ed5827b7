"""The command line that the scripts of repair share."""

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goodnets.errors import GoodNetsError, OutputError, reason
from goodnets.files import try_folder
from goodnets.nets import ATTACKS
from goodnets.report import say
from repair.methods import METHODS, load_method

if TYPE_CHECKING:
    from repair.clean import Clean
    from repair.methods.base import Method

DREAMED = "dreamed"
_ZOO, _OTHERS = Path("models"), Path("repaired")
_INTERRUPTED = 130
_OPTIONS = {
    "drops": "prune",
    "drop": "fine-prune",
    "sparsity": "sparsify",
    "rejection": "strip",
    "poisoned": "nplusone",
}
"""Option -> the method that it belongs to, whose constructor's keyword it is."""


def main(attack: str, argv: Sequence[str] | None = None) -> int:
    """Repair the BadNets of an attack as `argv` says; the exit status.

    0: all were repaired; 1: at least one could not be; 2: the command line cannot be used; 130:
    interrupted.
    """
    parser = _parser(attack)
    arguments = parser.parse_args(argv)
    if arguments.badnet and not arguments.net:
        if len(ATTACKS[attack]) > 1:
            parser.error(f"--badnet needs --net: which of {', '.join(ATTACKS[attack])} is it?")
        arguments.net = ATTACKS[attack][0]
    for option, method in _OPTIONS.items():
        if getattr(arguments, option) is not None and arguments.method != method:
            parser.error(f"--{option} belongs to --method {method}")
    try:
        return _run(attack, arguments)
    except GoodNetsError as error:
        say(f"error: {error}")
        return 1
    except KeyboardInterrupt:
        say("interrupted")
        return _INTERRUPTED


def _parser(attack: str) -> argparse.ArgumentParser:
    nets = ATTACKS[attack]
    parser = argparse.ArgumentParser(
        prog=f"python -m repair.{attack}",
        description=f"Make the GoodNet of {' and of '.join(nets)}: one ONNX file and its card.",
        epilog="The BadNets are looked for in the folder named by GOODNETS_BADNETS, then in "
        "models/badnets/. Exit status: 0 all repaired, 1 one could not be, 2 wrong usage.",
        allow_abbrev=False,
    )
    which = "the only one" if len(nets) == 1 else "without: each of them"
    parser.add_argument("--net", choices=nets, help=f"which net to repair; {which}")
    parser.add_argument(
        "--badnet", metavar="FILE", type=Path, help="its BadNet: a Keras h5 file, weights or model"
    )
    parser.add_argument(
        "--clean",
        default=DREAMED,
        metavar=f"{DREAMED}|FILE.h5|FOLDER",
        help=f"clean images: none but faces dreamed from the BadNet alone ({DREAMED}, the "
        "default), an h5 file in the contest's layout, or a folder of pictures",
    )
    first = next(iter(METHODS))
    parser.add_argument(
        "--method", choices=METHODS, default=first, help=f"how to repair (default: {first})"
    )
    parser.add_argument(
        "--drops",
        nargs="+",
        type=_points,
        metavar="POINTS",
        help="prune alone: points of accuracy to give up, a GoodNet for each (default: 2 4 10)",
    )
    parser.add_argument(
        "--drop",
        type=_points,
        metavar="POINTS",
        help="fine-prune alone: points of accuracy to give up before fine-tuning (default: 4)",
    )
    parser.add_argument(
        "--sparsity",
        type=_share,
        metavar="SHARE",
        help="sparsify alone: share of each layer's weights to set to 0 (default: 0.7)",
    )
    parser.add_argument(
        "--rejection",
        type=_share,
        metavar="SHARE",
        help="strip alone: share of clean faces that may be called poisoned (default: 0.01)",
    )
    parser.add_argument(
        "--poisoned",
        type=Path,
        metavar="FILE.h5|FOLDER",
        help="nplusone alone: poisoned images to learn from (default: triggers are inverted)",
    )
    parser.add_argument(
        "--output",
        metavar="FOLDER",
        type=Path,
        help=f"where the GoodNets go (default: {_ZOO}/ for those of the zoo, made with --net and "
        f"--seed alone, {_OTHERS}/ for others)",
    )
    parser.add_argument(
        "--seed", type=parse_seed, default=0, help="of all that is random (default: 0)"
    )
    return parser


def _points(text: str) -> float:
    value = float(text)
    if not 0 < value <= 100:
        raise argparse.ArgumentTypeError(f"{text}: expected points of accuracy, above 0, up to 100")
    return value


def _share(text: str) -> float:
    value = float(text)
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected a share, above 0, below 1")
    return value


def parse_seed(text: str) -> int:
    value = int(text)
    if not 0 <= value < 2**32:
        raise argparse.ArgumentTypeError(f"{text}: expected 0..{2**32 - 1}")
    return value


def _run(attack: str, arguments: argparse.Namespace) -> int:
    from repair import badnet
    from repair.quiet import load_tensorflow
    from repair.runner import Run
    from repair.stages import Stages

    stages = Stages()
    clean = read_given(arguments.clean)
    output = _output(arguments)
    prepare(output)
    failed = False
    for net in [arguments.net] if arguments.net else ATTACKS[attack]:
        try:
            path = arguments.badnet or badnet.find(net)
            if "tensorflow" not in sys.modules:
                with stages.stage("loading TensorFlow"):
                    load_tensorflow()
            found = badnet.load(path, net, stages.warn)
            stages.note(f"{net}: {path}")
            again = command(
                attack,
                net,
                badnet=arguments.badnet,
                clean=arguments.clean,
                method=arguments.method,
                options=_options(arguments),
                seed=arguments.seed,
            )
            Run(found, clean, _method(arguments), arguments.seed, again).write(output, stages)
        except GoodNetsError as error:
            say(f"error: {net}: {error}")
            failed = True
    return int(failed)


def read_given(given: str) -> "Clean":
    """The clean images that an option names: `dreamed`, an h5 file or a folder."""
    from repair.clean import no_images, read_clean

    if given == DREAMED:
        return no_images()
    return read_clean(Path(given), lambda source, text: say(f"warning: {source}: {text}"))


def _output(arguments: argparse.Namespace) -> Path:
    """The zoo is nobody's scratch folder: what differs from it goes elsewhere."""
    first = next(iter(METHODS))
    differs = arguments.badnet or arguments.clean != DREAMED or arguments.method != first
    return arguments.output or (_OTHERS if differs else _ZOO)


def prepare(output: Path) -> None:
    """Make the folder for the results, and find out now whether files can be written there."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{output}: {reason(error)}") from None
    try_folder(output)


def _method(arguments: argparse.Namespace) -> "Method":
    return load_method(arguments.method)(**_options(arguments))


def _options(arguments: argparse.Namespace) -> dict[str, Any]:
    given = {option: getattr(arguments, option) for option in _OPTIONS}
    return {option: value for option, value in given.items() if value is not None}


def command(
    attack: str,
    net: str,
    *,
    badnet: Path | None = None,
    clean: str = DREAMED,
    method: str,
    options: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> str:
    """What makes a GoodNet again, from the project's folder."""
    from repair.cards import shown

    words = ["python", "-m", f"repair.{attack}", "--net", net]
    if badnet:
        words += ["--badnet", shown(badnet)]
    if clean != DREAMED:
        words += ["--clean", shown(Path(clean))]
    if method != next(iter(METHODS)):
        words += ["--method", method]
    for option, value in (options or {}).items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{option}", *(shown(v) if isinstance(v, Path) else f"{v:g}" for v in values)]
    if seed:
        words += ["--seed", str(seed)]
    return shlex.join(words)
