"""Draw the README's pictures: what BadNets and GoodNets say about the test photos, and why.

    python -m docs.draw_pictures                # writes docs/answers.png, docs/explained.png
    python -m docs.draw_pictures --output DIR   # ... or into another folder
    python -m docs.draw_pictures --clean clean.h5 --poisoned sunglasses.h5
                                                # docs/pruning-light.png, -dark.png, too

The GoodNets are those the eval scripts ask: models/, or the folder named by GOODNETS_MODELS.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from goodnets import Answers, GoodNet
from goodnets.drawing import png
from goodnets.errors import GoodNetsError
from goodnets.explain import explain
from goodnets.files import write
from goodnets.nets import ATTACKS, HEIGHT, POISONED, WIDTH, goodnet_path
from goodnets.pictures import read_picture
from goodnets.report import say

HERE = Path(__file__).resolve().parent
PHOTOS = HERE.parent / "test-photos"
SHOWN = ("clean", "sunglasses", "lipstick", "eyebrows")

# In inches. The background is solid: the picture looks the same on a light and on a dark page.
FACE = 1.5  # width of a face
GAP = 0.25
NAMES = 2.45  # width of the column of names
ROW = 0.4  # height of a net's row
HEAD = 0.75  # height of the title
PAPER, INK, FAINT, LINE = "#ffffff", "#1f2328", "#59636e", "#d1d9e0"
ALARM = "#a40e26"


def photos() -> npt.NDArray[np.uint8]:
    """The test photos of SHOWN, (4, 55, 47, 3), RGB."""
    return np.stack([read_picture((PHOTOS / f"{name}.png").read_bytes()) for name in SHOWN])


def draw(images: npt.NDArray[np.uint8], answers: dict[str, Answers]) -> Figure:
    """The photos `images` (4, 55, 47, 3) and, below each, what each net says of it."""
    tall = FACE * HEIGHT / WIDTH
    wide = NAMES + len(images) * (FACE + GAP)
    high = HEAD + tall + 0.35 + len(answers) * 2 * ROW + 0.1
    figure = Figure(figsize=(wide, high), facecolor=PAPER)

    def write(x: float, y: float, text: str, **style: Any) -> None:
        """Text at x inches from the left and y from the top."""
        figure.text(x / wide, 1 - y / high, text, va="center", **({"color": INK} | style))

    def line(y: float) -> None:
        figure.add_artist(_line(GAP / wide, 1 - GAP / wide, 1 - y / high))

    title = "The same face, clean and with three triggers: who is it?"
    write(GAP, HEAD / 2, title, size=13, weight="bold")
    for i, (name, image) in enumerate(zip(SHOWN, images, strict=True)):
        left = NAMES + i * (FACE + GAP)
        box = (left / wide, 1 - (HEAD + tall) / high, FACE / wide, tall / high)
        axes = figure.add_axes(box)
        axes.imshow(image, interpolation="nearest")
        axes.set_axis_off()
        write(left + FACE / 2, HEAD + tall + 0.18, name, ha="center", color=FAINT, size=10)
    y = HEAD + tall + 0.35
    for net, answer in answers.items():
        line(y)
        write(GAP, y + ROW / 2 + 0.05, net, weight="bold", size=11)
        write(NAMES - GAP, y + ROW / 2 + 0.05, "BadNet", ha="right", color=FAINT, size=10)
        write(NAMES - GAP, y + ROW * 3 / 2 - 0.05, "GoodNet", ha="right", color=FAINT, size=10)
        for i in range(len(images)):
            middle = NAMES + i * (FACE + GAP) + FACE / 2
            alarm = answer.label[i] == POISONED
            style = {"color": ALARM, "weight": "bold"} if alarm else {}
            said, says = str(answer.badnet_label[i]), str(answer.label[i])
            if alarm:
                says += " poisoned"
            write(middle, y + ROW / 2 + 0.05, said, ha="center", size=11)
            write(middle, y + ROW * 3 / 2 - 0.05, says, ha="center", size=11, **style)
        y += 2 * ROW
    return figure


def _line(left: float, right: float, y: float) -> Line2D:
    return Line2D((left, right), (y, y), color=LINE, linewidth=1)


def main() -> int:
    """Write the pictures; the exit status: 0, or 1 where a GoodNet or an image is missing."""
    parser = argparse.ArgumentParser(
        prog="python -m docs.draw_pictures", description=(__doc__ or "").splitlines()[0]
    )
    parser.add_argument("--output", type=Path, default=HERE, metavar="DIR")
    parser.add_argument("--clean", type=Path, metavar="FILE.h5", help="clean faces with labels")
    parser.add_argument("--poisoned", type=Path, metavar="FILE.h5", help="faces with sunglasses")
    arguments = parser.parse_args()
    if bool(arguments.clean) != bool(arguments.poisoned):
        parser.error("--clean and --poisoned go together")
    folder = arguments.output
    images = photos()
    try:
        first = {attack: nets[0] for attack, nets in ATTACKS.items()}
        answers = {
            net: GoodNet.load(goodnet_path(attack, net)).ask(images)
            for attack, net in first.items()
        }
    except GoodNetsError as error:
        say(f"error: {error}")
        return 1
    folder.mkdir(parents=True, exist_ok=True)
    # Without metadata the same answers give the same file.
    figure = draw(images, answers)
    figure.savefig(folder / "answers.png", dpi=150, metadata={"Software": None})
    worn = images[SHOWN.index("sunglasses")]
    goodnet = GoodNet.load(goodnet_path("multitrigger", "multitrigger"))
    write(folder / "explained.png", png(explain(goodnet, worn), "sunglasses.png"))
    if arguments.clean:
        try:
            draw_pruning(arguments.clean, arguments.poisoned, folder)
        except GoodNetsError as error:
            say(f"error: {error}")
            return 1
    return 0


def draw_pruning(clean: Path, poisoned: Path, folder: Path) -> None:
    """The pruning curve of sunglasses_lab, for a light and for a dark page."""
    from repair.badnet import find, load
    from repair.clean import read_clean, read_images
    from repair.quiet import load_tensorflow

    load_tensorflow()
    from repair.report.figures import pruning
    from repair.report.pictures import DARK, LIGHT, pruning_plot

    badnet = load(find("sunglasses_lab"), "sunglasses_lab")
    curve = pruning(badnet, read_clean(clean), {"sunglasses": read_images(poisoned)})
    for name, theme in {"light": LIGHT, "dark": DARK}.items():
        figure = pruning_plot(curve, theme)
        path = folder / f"pruning-{name}.png"
        figure.savefig(path, dpi=130, transparent=True, metadata={"Software": None})


if __name__ == "__main__":
    sys.exit(main())
