"""The picture of an explanation."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from goodnets.drawing import draw, png
from goodnets.explain import Explanation, faces
from goodnets.model import Answers

ALARM, CALM = (164, 14, 38), (17, 99, 41)


def explanation(label: int, score: float, said: int = 8) -> Explanation:
    def answers(label: int, n: int) -> Answers:
        return Answers(np.full(n, label), np.full(n, said), np.full(n, score, np.float32))

    region = np.zeros((55, 47), bool)
    region[10:26, 5:25] = True
    return Explanation(
        faces()[0], answers(label, 1), 0.75, region, faces(), answers(label, 6), np.full(6, 3)
    )


@pytest.mark.parametrize(("label", "score", "colour"), [(1283, 0.9, ALARM), (8, 0.1, CALM)])
def test_colours_and_the_bar_tell_the_verdict(
    label: int, score: float, colour: tuple[int, int, int]
) -> None:
    picture = np.asarray(draw(explanation(label, score), "photo.png"))
    other = CALM if colour == ALARM else ALARM
    ours, others = ((picture == c).all(-1) for c in (colour, other))
    bar = ours[-3 * 24 + 10]  # the row through the score's bar
    assert bar.sum() / (picture.shape[1] - 48) == pytest.approx(score, abs=0.02)
    assert not others[: 6 * 24].any()


def test_the_image_is_in_it_four_times_as_large() -> None:
    picture = np.asarray(draw(explanation(8, 0.1), "photo.png"))
    large = faces()[0].repeat(4, 0).repeat(4, 1)
    assert np.array_equal(picture[72 : 72 + 220, 24 : 24 + 188], large)


@pytest.mark.parametrize("name", ["W" * 300, "a.png", "W" * 40])
def test_the_verdict_is_never_pushed_off(name: str) -> None:
    picture = np.asarray(draw(explanation(1283, 0.9), name))
    title = (picture[24:48] == ALARM).all(-1)
    assert title.any()
    assert not title[:, -24:].any()


@pytest.mark.parametrize("name", ["a" * 300, "\x1b[31m\n.png", "名前.png", ""])
def test_any_name_will_do(name: str) -> None:
    with Image.open(BytesIO(png(explanation(1283, 1.0), name))) as picture:
        assert picture.format == "PNG"
        assert picture.size == draw(explanation(1283, 1.0), "photo.png").size
