from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodnets.errors import InputError
from goodnets.h5 import ROWS, H5Images, read_h5


def faces(n: int = 3, seed: int = 0) -> np.ndarray:
    """uint8 (n, 55, 47, 3)."""
    return np.random.default_rng(seed).integers(0, 256, (n, 55, 47, 3), np.uint8)


def channels_first(images: np.ndarray) -> np.ndarray:
    return images.transpose(0, 3, 1, 2)


def write(path: Path, **datasets: Any) -> Path:
    with h5py.File(path, "w") as file:
        for name, values in datasets.items():
            file[name] = values
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "faces.h5"


DTYPES = ["u1", "i2", "u2", "<i4", ">i4", "u4", "i8", "u8", "f2", "<f4", ">f4", "f8", "g"]


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_any_number_type_and_both_layouts(path: Path, dtype: str, first: bool) -> None:
    images = faces()
    write(path, data=(channels_first(images) if first else images).astype(dtype))
    read, labels = read_h5(path)
    assert read.dtype == np.uint8
    assert np.array_equal(read, images)
    assert labels.tolist() == [-1, -1, -1]


@settings(max_examples=15, deadline=None)
@given(
    n=st.integers(1, 260),
    rows=st.integers(1, 300),
    pieces=st.tuples(st.integers(1, 3), st.integers(1, 55), st.integers(1, 47)),
    dtype=st.sampled_from(["u1", "f4", "f8"]),
    packed=st.booleans(),
)
def test_any_chunking(
    tmp_path_factory: pytest.TempPathFactory,
    n: int,
    rows: int,
    pieces: tuple[int, int, int],
    dtype: str,
    packed: bool,
) -> None:
    path = tmp_path_factory.mktemp("h5") / "faces.h5"
    images = faces(n)
    # pieces of a few pixels would make the test slow, not better
    chunks = (min(rows, n), pieces[0], max(pieces[1], 20), max(pieces[2], 20))
    with h5py.File(path, "w") as file:
        file.create_dataset(
            "data",
            data=channels_first(images).astype(dtype),
            chunks=chunks,
            compression="lzf" if packed else None,
        )
        file["label"] = np.arange(n).astype(float)
    read, labels = read_h5(path)
    assert np.array_equal(read, images)
    assert labels.tolist() == list(range(n))


def test_floats_are_rounded(path: Path) -> None:
    data = np.full((1, 3, 55, 47), 99.0)
    data[0, :, 0, 0] = [6.6, 7.4, 254.9]
    assert read_h5(write(path, data=data))[0][0, 0, 0].tolist() == [7, 7, 255]


@pytest.mark.parametrize("shape", [(3,), (3, 1)])
@pytest.mark.parametrize("dtype", ["f8", "i8", "i2", "f4"])
def test_labels(path: Path, shape: tuple[int, ...], dtype: str) -> None:
    labels = np.array([0, 1282, -1], dtype).reshape(shape)
    assert read_h5(write(path, data=faces(), label=labels))[1].tolist() == [0, 1282, -1]


def test_unsigned_labels(path: Path) -> None:
    assert read_h5(write(path, data=faces(), label=np.arange(3, dtype="u8")))[1].tolist() == [
        0,
        1,
        2,
    ]


def test_blocks_are_numbered(path: Path) -> None:
    with H5Images(write(path, data=faces(2 * ROWS + 5))) as file:
        assert len(file) == 2 * ROWS + 5
        assert [(block.start, len(block.images)) for block in file] == [
            (0, ROWS),
            (ROWS, ROWS),
            (2 * ROWS, 5),
        ]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1, 255.5, 256, 1e30])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_a_bad_image_is_an_error_and_the_rest_go_on(path: Path, value: float, dtype: str) -> None:
    data = faces(5).astype(dtype)
    data[2, 30, 20, 1] = value
    with H5Images(write(path, data=data)) as file:
        (block,) = file
    assert list(block.errors) == [2]
    assert "expected 0..255" in block.errors[2]
    assert np.array_equal(block.images[[0, 1, 3, 4]], faces(5)[[0, 1, 3, 4]])
    with pytest.raises(InputError, match=r"faces.h5\[2\]: pixel value"):
        read_h5(path)


@pytest.mark.parametrize("value", [-1, 256, -(2**15)])
def test_bad_integers(path: Path, value: int) -> None:
    data = faces(2).astype("i2")
    data[1, 0, 0, 0] = value
    with H5Images(write(path, data=data)) as file:
        assert [block.errors for block in file] == [{1: f"pixel value {value}, expected 0..255"}]


def test_all_nan_is_said_image_by_image(path: Path) -> None:
    with H5Images(write(path, data=np.full((2, 55, 47, 3), np.nan))) as file:
        assert [block.errors[1] for block in file] == ["pixel value nan, expected 0..255"]


def test_dark_images_are_fine_where_others_are_brighter(path: Path) -> None:
    data = np.zeros((3 * ROWS, 55, 47, 3), np.float32)
    data[-1] = 200
    assert read_h5(write(path, data=data))[0][:, 0, 0, 0].tolist() == [0] * (3 * ROWS - 1) + [200]


def refused(path: Path, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        H5Images(path)
    assert "\n" not in str(caught.value)


def test_scaled_data(path: Path) -> None:
    data = faces(ROWS + 1) / 255
    refused(write(path, data=data), r"data never leaves 0..1, expected values 0..255")
    data[3, 0, 0, 0] = np.nan
    refused(write(path, data=data), r"data never leaves 0..1, expected values 0..255")


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        ({}, r"no dataset 'data' in it \(found: nothing\)"),
        ({"images": 1, "x": 2}, r"no dataset 'data' in it \(found: images, x\)"),
        ({"data/x": 1}, "data is a group"),
        ({"data": 7}, r"data is \(\), expected \(N, 3, 55, 47\)"),
        ({"data": h5py.Empty("f4")}, "data is empty"),
        ({"data": faces()[0]}, r"data is \(55, 47, 3\), expected \(N, 3, 55, 47\)"),
        ({"data": faces()[:, :, :, :1]}, r"data is \(3, 55, 47, 1\), expected"),
        ({"data": faces().transpose(0, 2, 1, 3)}, r"data is \(3, 47, 55, 3\), expected"),
        ({"data": faces(0)}, "data holds no image"),
        ({"data": faces().astype("c8")}, "type complex64, expected integers or floats"),
        ({"data": faces().astype("S3")}, r"type \|S3, expected integers or floats"),
        ({"data": faces() > 9}, "type bool, expected integers or floats"),
        ({"data": ["text"]}, "type object, expected integers or floats"),
        ({"data": np.zeros(3, [("r", "u1"), ("g", "u1")])}, "expected integers or floats"),
        ({"data": faces(), "label": [1, 2]}, r"label is \(2,\), expected \(3,\)"),
        ({"data": faces(), "label": np.eye(3)}, r"label is \(3, 3\), expected \(3,\)"),
        ({"data": faces(), "label": [0, 1.5, 2]}, "label holds 1.5, expected whole numbers"),
        ({"data": faces(), "label": [0, np.nan, 2]}, "label holds nan, expected whole numbers"),
        ({"data": faces(), "label": [0, np.inf, 2]}, "label holds inf, expected whole numbers"),
        ({"data": faces(), "label": ["a", "b", "c"]}, "label is of type object, expected integers"),
    ],
)
def test_refused_files(path: Path, datasets: dict[str, Any], message: str) -> None:
    refused(write(path, **datasets), message)


def test_what_is_no_h5_file(path: Path) -> None:
    path.write_bytes(b"no signature here" * 100)
    refused(path, "not an h5 file")
    path.write_bytes(b"")
    refused(path, "h5 file")


def test_truncated(path: Path) -> None:
    whole = write(path, data=faces(), label=[1, 2, 3]).read_bytes()
    for size in range(8, len(whole), len(whole) // 20):
        path.write_bytes(whole[:size])
        refused(path, "h5 file")
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "^truncated h5 file$")


@pytest.mark.parametrize("name", ["data", "label"])
@pytest.mark.parametrize("soft", [True, False])
def test_links_are_not_followed(path: Path, name: str, soft: bool, tmp_path: Path) -> None:
    write(tmp_path / "other.h5", data=faces(), label=[1, 2, 3])
    with h5py.File(path, "w") as file:
        file["data" if name == "label" else "label"] = (
            faces() if name == "label" else np.array([1, 2, 3])
        )
        file["elsewhere"] = h5py.ExternalLink("other.h5", name)
        file[name] = h5py.SoftLink("elsewhere") if soft else h5py.ExternalLink("other.h5", name)
    refused(path, f"{name} is a link to somewhere else, expected a dataset")


def test_virtual_datasets(path: Path, tmp_path: Path) -> None:
    write(tmp_path / "other.h5", data=faces())
    layout = h5py.VirtualLayout((3, 55, 47, 3), "u1")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "data", (3, 55, 47, 3))
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("data", layout)
    refused(path, "data lies in other files")


def test_external_storage(path: Path, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(faces().tobytes())
    with h5py.File(path, "w") as file:
        file.create_dataset("data", (3, 55, 47, 3), "u1", external=[(tmp_path / "raw", 0, 2**20)])
    refused(path, "data lies in other files")


def test_never_written(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("data", (10**12, 55, 47, 3), "u1")
    refused(path, "data was never written")


def test_chunks_missing(path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", (10**6, 55, 47, 3), "u1", chunks=(1000, 55, 47, 3))
        data[:1000] = 7
    refused(path, "data is incomplete: 1 of 1000 chunks were written")


def test_huge_chunks(path: Path) -> None:
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "data", (150_000, 55, 47, 3), "u1", chunks=(150_000, 55, 47, 3), compression="gzip"
        )
        data.id.write_direct_chunk((0, 0, 0, 0), b"pretend")
    refused(path, r"unpacks 1163250000 bytes, expected at most 1073741824; save it with smaller")


def test_unknown_filter(path: Path) -> None:
    with h5py.File(path, "w") as file:
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((1, 55, 47, 3))
        properties.set_filter(32_999, h5py.h5z.FLAG_OPTIONAL, ())
        space = h5py.h5s.create_simple((1, 55, 47, 3))
        data = h5py.h5d.create(file.id, b"data", h5py.h5t.NATIVE_UINT8, space, properties)
        h5py.Dataset(data)[:] = 9
    refused(path, "data is packed with the filter 32999, which this machine does not have")


def test_a_damaged_chunk_costs_its_images_only(path: Path) -> None:
    images = faces(3 * ROWS)
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", data=images, chunks=(ROWS, 55, 47, 3), compression=1)
        chunk = data.id.get_chunk_info(1)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset : chunk.byte_offset + 1000] = bytes(1000)
    path.write_bytes(content)
    with H5Images(path) as file:
        blocks = list(file)
    assert [len(block.errors) for block in blocks] == [0, ROWS, 0]
    assert blocks[1].errors[0].startswith("damaged (")
    assert np.array_equal(blocks[2].images, images[2 * ROWS :])
