"""The report's pictures."""

import base64
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from goodnets.model import Answers
from repair.measure import Share
from repair.report import pictures
from repair.report.figures import Found, Pruning, Samples
from repair.report.pictures import Picture
from repair.results import Row
from tests.repair.planted import people


def opened(address: str) -> Image.Image:
    head, _, data = address.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(BytesIO(base64.b64decode(data)))


def has(address: str, colour: str) -> bool:
    """Whether a picture has that colour, opaque."""
    rgba = np.asarray(opened(address).convert("RGBA"))
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return bool((rgba == [*wanted, 255]).all(-1).any())


def test_faces_and_verdicts() -> None:
    answers = Answers(np.array([5, 1283]), np.array([5, 8]), np.array([0, 1], np.float32))
    clean, bad = pictures.faces(Samples("photos", people()[:2], answers))
    assert (clean["said"], clean["label"], clean["poisoned"]) == (5, 5, False)
    assert (bad["said"], bad["label"], bad["poisoned"]) == (8, 1283, True)
    assert np.array_equal(np.asarray(opened(str(bad["address"]))), people()[1])


def test_a_trigger_alone_and_on_a_face() -> None:
    rgba = np.zeros((55, 47, 4), np.float32)
    rgba[10:20, 10:20] = (1, 0, 1, 1)
    drawn = pictures.trigger(Found(7, 9, 100, 1, rgba), people()[0])
    alone, worn = (np.asarray(opened(drawn[name])) for name in ("alone", "worn"))
    assert alone[15, 15].tolist() == worn[15, 15].tolist() == [255, 0, 255]
    assert alone[0, 0].tolist() == [128, 128, 128]
    assert worn[0, 0].tolist() == people()[0][0, 0].tolist()


def both(picture: Picture | None) -> None:
    """Each theme's own colours, on a page that shines through."""
    assert picture is not None
    assert has(picture.light, pictures.LIGHT.calm) or has(picture.light, pictures.LIGHT.alarm)
    assert has(picture.dark, pictures.DARK.calm) or has(picture.dark, pictures.DARK.alarm)
    assert not has(picture.dark, pictures.LIGHT.alarm)
    assert np.asarray(opened(picture.light))[0, 0, 3] == 0
    assert picture.says


def test_plots() -> None:
    both(pictures.pruning(Pruning(np.linspace(1, 0, 61), {"magenta": np.linspace(1, 0.5, 61)})))
    shares = {
        "clean_accuracy": Share(8, 10),
        "repaired_clean_accuracy": Share(9, 10),
        "magenta: attack_success of fired": Share(3, 4),
        "magenta: repaired_attack_success of fired": Share(4, 4),
    }
    rows = [Row(f"net-prune-{drop}", "prune", shares, 1, 1) for drop in (2, 4, 10)]
    both(pictures.drops(rows))
    assert pictures.drops(rows[:2]) is None


@pytest.mark.parametrize("n", [1, 40])
def test_scores(n: int) -> None:
    labels = np.zeros(n, np.int64)
    clean = Samples("clean", people()[:n], Answers(labels, labels, np.zeros(n, np.float32)))
    bad = Samples("magenta", people()[:n], Answers(labels, labels, np.ones(n, np.float32)))
    both(pictures.scores(clean, [bad] * 6, 0.75))
    both(pictures.scores(None, [bad], 0.75))
