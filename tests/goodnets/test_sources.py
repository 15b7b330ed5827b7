from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import plain
from PIL import Image

from goodnets.sources import BATCH, Batch, Sources


def save(path: Path, red: int) -> Path:
    Image.fromarray(plain(red)).save(path)
    return path


def read(*paths: Path | str) -> tuple[list[Batch], list[str], Sources]:
    warnings: list[str] = []
    sources = Sources(
        [str(path) for path in paths],
        resize=False,
        warn=lambda source, text: warnings.append(f"{source}: {text}"),
    )
    return list(sources), warnings, sources


def test_pictures_are_read_in_order_and_in_batches(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{i}.png", i) for i in range(BATCH + 3)]
    batches, _, sources = read(*reversed(paths))
    assert [len(batch.sources) for batch in batches] == [BATCH, 3]
    assert [s for batch in batches for s in batch.sources] == [str(p) for p in reversed(paths)]
    assert [int(i[0, 0, 0]) for b in batches for i in b.images] == [*reversed(range(BATCH + 3))]
    assert sources.total == BATCH + 3


def test_a_folder_gives_its_pictures_in_name_order(tmp_path: Path) -> None:
    for i, name in enumerate(["b.png", "a.JPG", "é.bmp", "B.tiff", ".hidden.png"]):
        save(tmp_path / name, 10 * i)
    (tmp_path / "notes.txt").touch()
    (tmp_path / "folder.png").mkdir()
    (batch,), warnings, _ = read(tmp_path)
    assert [Path(s).name for s in batch.sources] == ["B.tiff", "a.JPG", "b.png", "é.bmp"]
    assert warnings == [f"{tmp_path}: files without a picture's suffix passed over: 1"]


def test_errors_stay_in_their_place(tmp_path: Path) -> None:
    good = save(tmp_path / "good.png", 5)
    (tmp_path / "bad.png").write_text("no picture")
    (tmp_path / "empty").mkdir()
    empty, bad = tmp_path / "empty", tmp_path / "bad.png"
    paths: list[str | Path] = [tmp_path / "none.png", good, bad, empty, good, "", "a\0b", "x" * 999]
    (batch,), _, _ = read(*paths)
    assert batch.errors == {
        0: "No such file or directory",
        2: "not a picture: expected PNG, JPEG, BMP, WebP, TIFF, GIF or PNM",
        3: "no picture in this folder, expected PNG, JPEG, BMP, WebP, TIFF, GIF or PNM",
        5: "Is a directory",
        6: "embedded null byte",
        7: "File name too long",
    }
    assert len(batch.images) == 2


def test_h5_files_among_pictures(tmp_path: Path) -> None:
    photo = save(tmp_path / "a.png", 5)
    data = np.stack([plain(1), plain(2), plain(3)]).astype(np.float32)
    data[1] = np.nan
    with h5py.File(tmp_path / "no_suffix", "w") as file:
        file["data"] = data
        file["label"] = [1.0, -1, 3]
    (tmp_path / "bad.h5").touch()
    batches, _, sources = read(photo, tmp_path / "no_suffix", tmp_path / "bad.h5", photo)
    assert [len(batch.sources) for batch in batches] == [1, 3, 1, 1]
    assert batches[1].indices == [0, 1, 2]
    assert batches[1].truths == [1, -1, 3]
    assert batches[1].images[:, 0, 0, 0].tolist() == [1, 3]
    assert batches[1].errors == {1: "pixel value nan, expected 0..255"}
    assert "h5 file" in batches[2].errors[0]
    assert sources.total == 6


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = save(tmp_path / "a.png", 5).read_bytes()

    class Stdin:
        buffer = BytesIO(data)

    monkeypatch.setattr("sys.stdin", Stdin)
    (batch,), _, _ = read("-", "-")
    assert batch.sources == ["-", "-"]
    assert batch.images[:, 0, 0, 0].tolist() == [5]
    assert batch.errors == {1: "empty"}
    monkeypatch.setattr("sys.stdin", None)
    assert read("-")[0][0].errors == {0: "closed"}
