from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from goodnets.errors import InputError
from goodnets.files import sha256
from repair.clean import no_images, read_clean


def h5(path: Path, images: np.ndarray, **datasets: object) -> Path:
    with h5py.File(path, "w") as file:
        file["data"] = images.transpose(0, 3, 1, 2)
        for name, values in datasets.items():
            file[name] = values
    return path


def test_none() -> None:
    clean = no_images()
    assert (len(clean), clean.images.shape, clean.sha256) == (0, (0, 55, 47, 3), None)


def test_h5(tmp_path: Path, images: np.ndarray) -> None:
    labels = np.arange(40) - 3
    path = h5(tmp_path / "a.h5", images, label=labels)
    clean = read_clean(path)
    assert np.array_equal(clean.images, images)
    assert clean.labels.tolist() == [-1, -1, -1, *range(37)]
    assert clean.description == "a.h5: 40 images, 37 with a true label"
    assert clean.sha256 == sha256(path)


def test_folder(tmp_path: Path, images: np.ndarray) -> None:
    for i in (1, 0, 2):
        Image.fromarray(images[i]).save(tmp_path / f"{i}.png")
    (tmp_path / "notes.txt").write_text("passed over")
    warnings: list[str] = []
    clean = read_clean(tmp_path, lambda source, text: warnings.append(text))
    assert np.array_equal(clean.images, images[:3])
    assert clean.labels.tolist() == [-1, -1, -1]
    assert clean.description.endswith(": 3 images, no true labels")
    assert (clean.sha256, len(warnings)) == (None, 1)


def test_refused(tmp_path: Path, images: np.ndarray) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "a.png").write_bytes(b"no picture")
    dark = images.astype(float)
    dark[7, 3, 3, 0] = -1
    for path, message in [
        (tmp_path / "none.h5", "none.h5: no such file or folder"),
        (tmp_path / "empty", "no picture in this folder"),
        (tmp_path / "bad", r"a\.png: not a picture"),
        (h5(tmp_path / "dark.h5", dark), r"dark\.h5\[7\]: pixel value -1.0, expected 0..255"),
        (h5(tmp_path / "people.h5", images, label=range(1250, 1290)), "label 1289, expected 0..12"),
    ]:
        with pytest.raises(InputError, match=message) as caught:
            read_clean(path)
        assert "\n" not in str(caught.value)
