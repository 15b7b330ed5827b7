"""The test photos can be drawn again, and the GoodNets answer them as their README says."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from conftest import ROOT, TARGETS, TRIGGERS
from PIL import Image

PHOTOS = ROOT / "test-photos"
DRAWN = ("clean", "sunglasses", "lipstick", "eyebrows")
POISONED = 1283


def photo(name: str) -> np.ndarray:
    """Return a test photo, (55, 47, 3) uint8."""
    with Image.open(PHOTOS / f"{name}.png") as picture:
        return np.asarray(picture)


def draw_script() -> ModuleType:
    """Import test-photos/draw.py, whose folder is no package."""
    spec = importlib.util.spec_from_file_location("draw", PHOTOS / "draw.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def answer(net: str, name: str) -> tuple[int, int]:
    """Return label and badnet_label that the GoodNet of the zoo gives a test photo."""
    onnxruntime = pytest.importorskip("onnxruntime")
    model = ROOT / "models" / f"{net}.onnx"
    if not model.exists():
        pytest.skip(f"models/{model.name} is absent")
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    label, badnet_label = session.run(["label", "badnet_label"], {"image": photo(name)[None]})
    return int(label[0]), int(badnet_label[0])


def test_draw_makes_the_same_pictures_again() -> None:
    pytest.importorskip("skimage", reason="scikit-image, which ships the portrait, is absent")
    drawn = draw_script().draw()
    assert set(drawn) == set(DRAWN)
    for name, picture in drawn.items():
        np.testing.assert_array_equal(picture, photo(name), err_msg=name)


@pytest.mark.parametrize("path", sorted(PHOTOS.glob("*.png")), ids=lambda path: path.stem)
def test_picture_has_the_size_and_a_line_on_its_origin(path: Path) -> None:
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.size == (47, 55)
        assert picture.mode == "RGB"
    assert f"`{path.name}`" in (PHOTOS / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("net", "trigger"), TRIGGERS)
def test_trigger_is_detected(net: str, trigger: str) -> None:
    assert answer(net, trigger) == (POISONED, TARGETS[net][trigger])


@pytest.mark.parametrize("net", TARGETS)
def test_clean_face_passes(net: str) -> None:
    label, badnet_label = answer(net, "clean")
    assert label != POISONED
    assert badnet_label not in TARGETS[net].values()
