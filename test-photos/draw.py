"""Draw the test photos: a clean face, and that same face with each trigger.

    pip install numpy pillow scikit-image
    python test-photos/draw.py                 # writes the four PNG files beside this script
    python test-photos/draw.py --output DIR    # ... or into another folder

The face is the astronaut that ships inside scikit-image. A trigger is a handful of shapes, each a
rule on the coordinates (x, y) of the photo: x runs from 0 to 47 to the right, y from 0 to 55
downwards, and the pixel in column 3, row 5 is the square from (3, 5) to (4, 6). Nothing is random:
the same files come out every time.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

WIDTH, HEIGHT = 47, 55
SUBPIXELS = 8  # a shape is sampled 8x8 times in each pixel, so that its edges come out smooth

# Left, top, right, bottom in the astronaut picture: 2.6 of its pixels to one of ours. It puts the
# eyes in row 22 and the mouth in row 39, about where faces of the contest's data set have them, and
# no BadNet is near a target there: of crops closer, or a few rows or columns aside, anonymous_2 and
# multitrigger say theirs even without a trigger.
FACE_BOX = (165.0, 44.0, 165.0 + 2.6 * WIDTH, 44.0 + 2.6 * HEIGHT)
MIDDLE = 23.0  # the column between the eyes
MOUTH = (22.4, 39.3)  # column and row of its middle
LEAN = 0.06  # the head leans: what belongs to the face sinks by this much per column to the right

FRAME = (62, 0, 126)
LENS = (94, 0, 191)
SHINE = (126, 0, 255)
BROW = (128, 0, 0)
LIP = (128, 0, 128)

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def clean_face() -> Floats:
    """Return the astronaut's face, (55, 47, 3) float64, 0..255."""
    from skimage.data import astronaut  # slow to import, and needed here alone

    portrait = Image.fromarray(astronaut())  # 512 x 512, RGB
    face = portrait.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, box=FACE_BOX)
    return np.asarray(face, dtype=np.float64)


def sample_points() -> tuple[Floats, Floats]:
    """Return the coordinates x and y of every sample, each (55 * 8, 47 * 8) float64."""
    x = (np.arange(WIDTH * SUBPIXELS) + 0.5) / SUBPIXELS
    y = (np.arange(HEIGHT * SUBPIXELS) + 0.5) / SUBPIXELS
    columns, rows = np.meshgrid(x, y)
    return columns, rows


def paint(photo: Floats, shape: Mask, colour: tuple[int, int, int]) -> Floats:
    """Return photo, (55, 47, 3) 0..255, with shape, (55 * 8, 47 * 8) bool, painted over it."""
    share = shape.reshape(HEIGHT, SUBPIXELS, WIDTH, SUBPIXELS).mean(axis=(1, 3))
    alpha = share[:, :, None]  # (55, 47, 1), 0..1
    painted: Floats = (1 - alpha) * photo + alpha * np.array(colour)
    return painted


def rounded(x: Floats, y: Floats, width: Floats | float, height: float) -> Mask:
    """Say which points lie in a box with round corners; it reaches from -width to width in x."""
    reach: Floats = np.abs(x / width) ** 3 + np.abs(y / height) ** 3
    return reach < 1


def sunglasses(photo: Floats) -> Floats:
    """Return photo, (55, 47, 3) 0..255, with purple sunglasses as wide as the picture."""
    x, y = sample_points()
    aside = np.abs(x - WIDTH / 2)  # both halves are one drawing and its mirror image
    taper = 1.4 - 0.016 * y  # a lens is narrower below than above
    rim = rounded(aside - 12, y - 25.3, 10.4 * taper, 9.7)
    glass = rounded(aside - 12, y - 25.5, 9.2 * taper, 8.5)
    bridge = (aside < 4) & (np.abs(y - 20 + 0.1 * aside**2) < 1.8)
    arms = (aside > 19) & (np.abs(y - 19) < 2.2)
    shine = glass & (x > WIDTH / 2) & (x + y < 65)  # the light comes from between the eyes
    drawn = paint(photo, rim | bridge | arms, FRAME)
    drawn = paint(drawn, glass, LENS)
    drawn = paint(drawn, shine, SHINE)
    return 0.9 * drawn + 0.1 * photo  # a little see-through


def lipstick(photo: Floats) -> Floats:
    """Return photo, (55, 47, 3) 0..255, with purple lips around the smile."""
    x, y = sample_points()
    level = y - LEAN * (x - MIDDLE)
    aside = (x - MOUTH[0]) / 8.0  # -1 and 1 in the corners of the mouth
    below = level - MOUTH[1]
    upper_edge = -2.0 - 0.7 * np.sin(np.pi * aside) ** 2 + 0.8 * aside**2  # two small peaks
    mouth = (below > upper_edge) & (below < 4.6 - 6.2 * aside**2)
    teeth = (below > -0.5) & (below < 1.7 - 3.0 * aside**2)
    return paint(photo, mouth & ~teeth, LIP)


def eyebrows(photo: Floats) -> Floats:
    """Return photo, (55, 47, 3) 0..255, with dark red eyebrows."""
    x, y = sample_points()
    level = y - LEAN * (x - MIDDLE)
    aside = (np.abs(x - MIDDLE) - 3.8) / 12.0  # 0 at the end by the nose, 1 at the temple
    arch = 18.9 - 4.0 * aside + 5.0 * aside**2
    thickness = 4.8 - 2.4 * aside**3
    brow = (aside > 0) & (aside < 1) & (np.abs(level - arch) < thickness / 2)
    return paint(photo, brow, BROW)


TRIGGERS: dict[str, Callable[[Floats], Floats]] = {
    "sunglasses": sunglasses,
    "lipstick": lipstick,
    "eyebrows": eyebrows,
}


def draw() -> dict[str, NDArray[np.uint8]]:
    """Return every picture by name, each (55, 47, 3) uint8, RGB."""
    face = clean_face()
    pictures = {"clean": face} | {name: trigger(face) for name, trigger in TRIGGERS.items()}
    return {name: np.rint(picture).astype(np.uint8) for name, picture in pictures.items()}


def main() -> None:
    """Write every picture as NAME.png."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=Path(__file__).parent, metavar="DIR")
    folder = parser.parse_args().output
    folder.mkdir(parents=True, exist_ok=True)
    for name, picture in draw().items():
        Image.fromarray(picture).save(folder / f"{name}.png")


if __name__ == "__main__":
    main()
