from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goodnets.errors import InputError
from repair.weights import SHAPES, Weights, read_weights, write_weights


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "net.h5"


def equal(one: Weights, other: Weights) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[key], other[key]) for key in one)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_what_is_written_is_read(
    random_weights: Callable[[int], Weights],
    tmp_path_factory: pytest.TempPathFactory,
    seed: int,
) -> None:
    path = tmp_path_factory.mktemp("weights") / "net.h5"
    path.write_bytes(write_weights(random_weights(seed)))
    assert equal(read_weights(path), random_weights(seed))


KERAS_3 = {
    "conv_1": "conv2d",
    "conv_2": "conv2d_1",
    "conv_3": "conv2d_2",
    "conv_4": "conv2d_3",
    "fc_1": "dense",
    "fc_2": "dense_1",
    "output": "dense_2",
}
LAYOUTS: dict[str, Callable[[str], tuple[str, str]]] = {
    "Keras 2 weights": lambda layer: (f"{layer}/{layer}/kernel:0", f"{layer}/{layer}/bias:0"),
    "Keras 2 model": lambda layer: (
        f"model_weights/{layer}/{layer}/kernel:0",
        f"model_weights/{layer}/{layer}/bias:0",
    ),
    "Keras 3 model": lambda layer: (
        f"model_weights/{layer}/{layer}/kernel",
        f"model_weights/{layer}/{layer}/bias",
    ),
    "Keras 3 weights": lambda layer: (
        f"layers/{KERAS_3[layer]}/vars/0",
        f"layers/{KERAS_3[layer]}/vars/1",
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["<f4", ">f4"])
@pytest.mark.parametrize("packed", [True, False])
def test_layouts(path: Path, weights: Weights, layout: str, dtype: str, packed: bool) -> None:
    with h5py.File(path, "w") as file:
        for layer in SHAPES:
            for name, part in zip(LAYOUTS[layout](layer), ("kernel", "bias"), strict=True):
                values = weights[f"{layer}/{part}"].astype(dtype)
                file.create_dataset(name, data=values, compression="gzip" if packed else None)
        top = {"Keras 3 weights": "layers/", "Keras 2 weights": ""}.get(layout, "model_weights/")
        file.create_group(f"{top}pool_1")
        file.create_group(f"{top}flatten/vars")
    assert equal(read_weights(path), weights)


def test_keras_reads_and_writes_the_same(path: Path, weights: Weights, tmp_path: Path) -> None:
    import keras
    from keras import layers

    x = keras.Input((55, 47, 3))
    f = x
    for i, (channels, size) in enumerate([(20, 4), (40, 3), (60, 3)], 1):
        conv = layers.Conv2D(channels, size, activation="relu", name=f"conv_{i}")
        f = layers.MaxPooling2D()(conv(f))
    deep = layers.Conv2D(80, 2, activation="relu", name="conv_4")(f)
    branches = [
        layers.Dense(160, name="fc_1")(layers.Flatten()(f)),
        layers.Dense(160, name="fc_2")(layers.Flatten()(deep)),
    ]
    y = layers.Dense(1283, name="output")(layers.ReLU()(layers.Add()(branches)))
    model = keras.Model(x, y)
    path.write_bytes(write_weights(weights))
    model.load_weights(path)
    for name in ("whole.h5", "only.weights.h5"):
        (model.save if name == "whole.h5" else model.save_weights)(tmp_path / name)
        assert equal(read_weights(tmp_path / name), weights)


Change = Callable[[h5py.File], Any]


def replaced(name: str, values: Any) -> Change:
    def change(file: h5py.File) -> None:
        if name in file:
            del file[name]
        file[name] = values

    return change


KERNEL = "conv_1/conv_1/kernel:0"
NOT_FINITE = np.full((4, 4, 3, 20), np.nan, np.float32)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file.pop("fc_2"), "no layer fc_2 in it, expected conv_1, conv_2"),
        (replaced("fc_2", [1.0]), "fc_2 is a dataset or a type, expected a group"),
        (lambda file: file.pop(KERNEL), "layer conv_1 has no kernel"),
        (lambda file: file.pop("conv_1/conv_1/bias:0"), "layer conv_1 holds 1 arrays"),
        (replaced("conv_1/conv_1/more", [1.0]), "layer conv_1 holds 3 arrays, expected kernel and"),
        (replaced(KERNEL, np.zeros((4, 4, 3, 21), "f4")), r"conv_1's kernel is \(4, 4, 3, 21\), e"),
        (replaced(KERNEL, np.zeros((4, 4, 3, 20), "f8")), "kernel is float64, expected float32"),
        (replaced(KERNEL, NOT_FINITE), "conv_1's kernel holds values that are not finite"),
        (
            replaced(KERNEL, np.full((4, 4, 3, 20), -np.inf, "f4")),
            "conv_1's kernel holds values that are not finite",
        ),
        (replaced(KERNEL, ["text"]), "type object, expected integers or floats"),
        (replaced(KERNEL, h5py.Empty("f4")), "is empty"),
        (replaced(KERNEL, h5py.SoftLink("/x")), "is a link to somewhere else"),
        (replaced(KERNEL, h5py.ExternalLink("x.h5", "x")), "is a link to somewhere else"),
        (replaced("conv_1", h5py.ExternalLink("x.h5", "x")), "conv_1 is a link to somewhere else"),
        (replaced("model_weights", h5py.SoftLink("/")), "model_weights is a link to somewhere"),
        (replaced("layers", h5py.SoftLink("/")), "layers is a link to somewhere"),
        (replaced("conv_5/conv_5/kernel:0", [1.0]), "layer conv_5 has weights, expected only con"),
        (replaced("pool_9", h5py.SoftLink("/conv_1")), "pool_9 is a link to somewhere else"),
    ],
)
def test_refused(path: Path, weights: Weights, change: Change, message: str) -> None:
    path.write_bytes(write_weights(weights))
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(InputError, match=message) as caught:
        read_weights(path)
    assert "\n" not in str(caught.value)


def with_kernel(path: Path, weights: Weights, create: Callable[[h5py.Group], Any]) -> None:
    path.write_bytes(write_weights(weights))
    with h5py.File(path, "a") as file:
        del file[KERNEL]
        create(file["conv_1/conv_1"])


def test_values_that_lie_elsewhere(path: Path, weights: Weights, tmp_path: Path) -> None:
    (tmp_path / "raw").write_bytes(bytes(3840))
    shape = (4, 4, 3, 20)
    outside = [(str(tmp_path / "raw"), 0, 3840)]
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "x", shape)
    creators: list[Callable[[h5py.Group], Any]] = [
        lambda group: group.create_dataset("kernel:0", shape, "f4", external=outside),
        lambda group: group.create_virtual_dataset("kernel:0", layout),
    ]
    for create in creators:
        with_kernel(path, weights, create)
        with pytest.raises(InputError, match="kernel:0 lies in other files"):
            read_weights(path)


def test_huge(path: Path, weights: Weights) -> None:
    huge = (4, 4, 3, 10**12)
    with_kernel(path, weights, lambda group: group.create_dataset("kernel:0", huge, "f4"))
    with pytest.raises(InputError, match="kernel:0 was never written"):
        read_weights(path)
    path.write_bytes(bytes(64 * 2**20 + 1))
    with pytest.raises(InputError, match="67108865 bytes, expected at most 67108864 for a DeepID"):
        read_weights(path)


def test_truncated_or_no_h5_at_all(path: Path, weights: Weights) -> None:
    whole = write_weights(weights)
    for size in (0, 7, 8, 100, 2000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(InputError, match="h5 file") as caught:
            read_weights(path)
        assert "\n" not in str(caught.value)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_damage_is_one_line_or_harmless(
    weights: Weights, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    content = bytearray(write_weights(weights))
    header = 16_384  # where most of the structure lies
    for at in data.draw(st.lists(st.integers(0, header), min_size=1, max_size=8)):
        content[at] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "net.h5"
    path.write_bytes(content)
    try:
        read = read_weights(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert all(np.isfinite(array).all() for array in read.values())
