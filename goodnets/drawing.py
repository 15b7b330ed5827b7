"""The picture of an explanation: --explain FILE.png."""

from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from goodnets.explain import Explanation
from goodnets.nets import HEIGHT, POISONED, WIDTH

_MARGIN, _GAP = 24, 16
_LARGE, _SMALL = 4, 2
"""How many times their size the image and the composites are drawn."""
_LINE = 24
_TITLE = 20
"""Size of its letters."""
_PAPER, _INK, _FAINT, _RULE = "#ffffff", "#1f2328", "#59636e", "#d1d9e0"
_ALARM, _CALM = "#a40e26", "#116329"


def png(explanation: Explanation, name: str) -> bytes:
    """An explanation of the image called `name`, as a PNG file."""
    file = BytesIO()
    draw(explanation, name).save(file, "PNG")
    return file.getvalue()


def draw(explanation: Explanation, name: str) -> Image.Image:
    """The image and its region, the composites with their labels, and the score on its scale."""
    taken = explanation.taken
    wide = 2 * _MARGIN + len(taken) * _SMALL * WIDTH + (len(taken) - 1) * _GAP
    top_row = _MARGIN + 2 * _LINE
    second_row = top_row + _LARGE * HEIGHT + 3 * _LINE
    scale = second_row + _SMALL * HEIGHT + 3 * _LINE
    canvas = Image.new("RGB", (wide, scale + 3 * _LINE), _PAPER)
    pen = ImageDraw.Draw(canvas)
    label, said, poisoned = _verdict(explanation)
    colour = _ALARM if poisoned else _CALM

    room = wide - 2 * _MARGIN - ImageFont.load_default(_TITLE).getlength(f": {label}")
    _write(pen, (_MARGIN, _MARGIN), f"{_fitting(name, room, _TITLE)}: {label}", colour, _TITLE)
    left = _MARGIN
    for picture in (explanation.image, _lit(explanation.image, explanation.region)):
        _paste(canvas, picture, (left, top_row), _LARGE)
        left += _LARGE * WIDTH + _GAP
    box = _box(explanation.region)
    first = _MARGIN + _LARGE * WIDTH + _GAP
    frame = [first + _LARGE * box[0], top_row + _LARGE * box[1]]
    frame += [first + _LARGE * box[2] - 1, top_row + _LARGE * box[3] - 1]
    pen.rectangle(frame, outline=colour, width=3)
    for i, line in enumerate(_told(explanation, said)):
        _write(pen, (left, top_row + i * _LINE), line, _INK, 15)

    text = "That region in other faces: what the BadNet said of each before, and says now"
    _write(pen, (_MARGIN, second_row - _LINE), text, _FAINT, 14)
    for i, (composite, before, now) in enumerate(
        zip(
            explanation.composites,
            explanation.before,
            explanation.answers.badnet_label,
            strict=True,
        )
    ):
        left = _MARGIN + i * (_SMALL * WIDTH + _GAP)
        _paste(canvas, composite, (left, second_row), _SMALL)
        under = (left, second_row + _SMALL * HEIGHT + 4)
        _write(pen, under, f"{before}, now {now}", _ALARM if taken[i] else _INK, 13)
    _scale(pen, explanation, scale, wide, colour)
    return canvas


def _verdict(explanation: Explanation) -> tuple[str, int, bool]:
    """In words, the BadNet's label, and whether the image is poisoned."""
    label, said = int(explanation.answer.label[0]), int(explanation.answer.badnet_label[0])
    poisoned = label == POISONED
    return (f"{POISONED}, poisoned" if poisoned else f"person {label}"), said, poisoned


def _told(explanation: Explanation, said: int) -> list[str]:
    count, of = int(explanation.taken.sum()), len(explanation.taken)
    if 2 * count > of:
        found = ("Of all regions the framed one", f"takes {said} along to most other", "faces:")
    elif count:
        found = ("No region of the image takes", f"{said} along to more other faces", "than this:")
    else:
        found = ("No region of the image takes", f"{said} along to another face.", "This, say:")
    return [f"The BadNet says {said}.", "", *found, f"{count} of {of}."]


def _scale(
    pen: ImageDraw.ImageDraw, explanation: Explanation, top: int, wide: int, colour: str
) -> None:
    """The score as a bar from 0 to 1, and where the threshold is."""
    score, threshold = float(explanation.answer.score[0]), explanation.threshold
    text = f"evidence of poison {score:.2f}; poisoned from {threshold:.2f} on"
    _write(pen, (_MARGIN, top - _LINE), text, colour, 15)
    length = wide - 2 * _MARGIN
    pen.rectangle([_MARGIN, top + 4, _MARGIN + length, top + 20], fill=_RULE)
    pen.rectangle([_MARGIN, top + 4, _MARGIN + round(score * length), top + 20], fill=colour)
    at = _MARGIN + round(threshold * length)
    pen.line([at, top - 2, at, top + 26], fill=_INK, width=3)
    _write(pen, (at, top + 28), "threshold", _INK, 13, "ma")
    _write(pen, (_MARGIN, top + 28), "0", _FAINT, 13)
    _write(pen, (_MARGIN + length, top + 28), "1", _FAINT, 13, "ra")


def _write(
    pen: ImageDraw.ImageDraw,
    at: tuple[int, int],
    text: str,
    colour: str,
    size: int,
    anchor: str = "la",
) -> None:
    pen.text(at, text, fill=colour, font=ImageFont.load_default(size), anchor=anchor)


def _paste(
    canvas: Image.Image, picture: npt.NDArray[np.uint8], at: tuple[int, int], times: int
) -> None:
    large = Image.fromarray(picture.repeat(times, 0).repeat(times, 1))
    canvas.paste(large, at)


def _lit(image: npt.NDArray[np.uint8], region: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """The image, faded but for its region."""
    faded = (255 - (255 - image.astype(np.float32)) * 0.3).astype(np.uint8)
    return np.where(region[..., None], image, faded)


def _box(region: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a region, in pixels."""
    rows, columns = np.flatnonzero(region.any(1)), np.flatnonzero(region.any(0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _fitting(name: str, width: float, size: int) -> str:
    """A name that is no wider than so many pixels; characters that cannot be shown become `?`."""
    font = ImageFont.load_default(size)
    name = "".join(c if c.isprintable() else "?" for c in name)
    if font.getlength(name) <= width:
        return name
    while name and font.getlength(f"...{name}") > width:
        name = name[1:]
    return f"...{name}"
