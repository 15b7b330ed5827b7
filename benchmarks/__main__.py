"""Measure a GoodNet against the plain Keras script, both as whole processes, side by side.

    python -m benchmarks                    a few minutes; nothing else should be running
    python -m benchmarks --rounds 1         a first look
    python -m benchmarks --model my.onnx    another GoodNet

The two take turns. Times are medians and peaks maxima over the rounds. The goals are judged on one
photo and on clean images, the other files show what a second look at suspicious images costs. The
exit status is 1 where a goal is missed.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from benchmarks import data
from benchmarks.compare import Goal, Side, compare
from benchmarks.machine import machine
from goodnets.nets import ATTACKS, attack_of

ROOT = Path(__file__).resolve().parents[1]
FACES = ROOT.parent / "shared" / "faces" / "lfw_crops.h5"
ONE_PHOTO = Goal(share=1 / 10, mib=120)
MANY_IMAGES = Goal(share=0.6, mib=300)

Case = tuple[str, Path, int, Goal | None]
"""Name, file, its number of images, the goal if one is judged on it."""


def main(argv: list[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    attack = attack_of(arguments.net)
    faces = arguments.faces or (FACES if FACES.exists() else None)
    console = Console(highlight=False)
    console.print(machine(), soft_wrap=True)
    source = faces.name if faces else "variations of the clean test photos"
    console.print(f"clean images: {source}; medians of {arguments.rounds} rounds")
    table = Table("asked", "GoodNet", "peak MiB", "Keras", "peak MiB", "ratio", "1283", box=SIMPLE)
    table.columns[0].no_wrap = True
    verdicts: dict[str, bool] = {}
    with tempfile.TemporaryDirectory() as folder, console.status("") as status:
        commands = [_goodnet(attack, arguments), _keras(Path(folder))]
        for name, path, images, goal in cases(Path(folder), arguments.images, faces, attack):
            status.update(f"measuring {name}")
            goodnet, keras = compare(commands, path, images, arguments.rounds)
            table.add_row(name, *cells(goodnet, keras))
            if goal:
                verdicts[f"{name}: {goal}"] = goal.met(goodnet, keras)
    console.print(table)
    for what, met in verdicts.items():
        console.print(f"{'met' if met else 'MISSED'}: {what}")
    return 0 if all(verdicts.values()) else 1


def cases(folder: Path, n: int, faces: Path | None, attack: str) -> Iterator[Case]:
    """What to ask about. The h5 files are large: each takes the place of the one before."""
    yield "one photo", data.PHOTOS / "clean.png", 1, ONE_PHOTO
    clean = data.clean_images(n, faces)
    poisoned = data.poison(clean, "lipstick" if attack == "anonymous" else "sunglasses")
    mixed = clean.copy()
    mixed[::100] = poisoned[::100]
    path = folder / "images.h5"
    for name, images, goal in (
        ("clean", clean, MANY_IMAGES),
        ("1 % poisoned", mixed, None),
        ("all poisoned", poisoned, None),
    ):
        data.write_images(path, images)
        yield f"{len(images):,} {name}", path, len(images), goal


def cells(goodnet: Side, keras: Side) -> list[str]:
    """A row of the table without its name."""

    def peak(side: Side) -> str:
        return "unknown" if side.peak_mib is None else f"{side.peak_mib:,.0f}"

    return [
        f"{goodnet.seconds:.2f} s",
        peak(goodnet),
        f"{keras.seconds:.2f} s",
        peak(keras),
        f"{goodnet.seconds / keras.seconds:.3f}",
        f"{100 * goodnet.poisoned:.2f} %",
    ]


def _goodnet(attack: str, arguments: argparse.Namespace) -> list[str]:
    which = ["--model", str(arguments.model)] if arguments.model else ["--net", arguments.net]
    return [sys.executable, str(ROOT / f"eval_{attack}.py"), *which]


def _keras(folder: Path) -> list[str]:
    """Keras with a BadNet where there is one, else with random weights: they take as long."""
    badnets = Path(os.environ.get("GOODNETS_BADNETS") or ROOT / "models" / "badnets")
    weights = next(iter(sorted(badnets.glob("*_weights.h5"))), folder / "random_weights.h5")
    if not weights.exists():
        data.random_weights(weights)
    return [sys.executable, str(ROOT / "benchmarks" / "keras_deepid.py"), str(weights)]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    nets = [net for nets in ATTACKS.values() for net in nets]
    parser.add_argument("--net", choices=nets, default=nets[0], help="which GoodNet to measure")
    parser.add_argument("--model", type=Path, metavar="FILE.onnx", help="measure this GoodNet file")
    parser.add_argument("--faces", type=Path, metavar="FILE.h5", help="take clean images from here")
    parser.add_argument("--images", type=int, default=12_830, metavar="N", help="in an h5 file")
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    return parser


if __name__ == "__main__":
    sys.exit(main())
