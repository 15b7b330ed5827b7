"""A DeepID's weights as arrays, read from and written to Keras h5 files.

Files are hostile until shown otherwise: every layer's name, shape and type is checked before a
value is read, and nothing outside the file is ever opened.
"""

import os
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

from goodnets.errors import InputError
from goodnets.h5safe import dataset, has, open_h5, subgroup
from goodnets.nets import CLASSES

Weights = Mapping[str, npt.NDArray[np.float32]]
"""`conv_1/kernel`, `conv_1/bias`, ..., `output/bias` -> values, in Keras' layouts: kernels are
(height, width, in, out) and (in, out)."""

SHAPES: dict[str, tuple[int, ...]] = {
    "conv_1": (4, 4, 3, 20),
    "conv_2": (3, 3, 20, 40),
    "conv_3": (3, 3, 40, 60),
    "conv_4": (2, 2, 60, 80),
    "fc_1": (5 * 4 * 60, 160),
    "fc_2": (4 * 3 * 80, 160),
    "output": (160, CLASSES),
}
"""Layer -> shape of its kernel; its bias is as long as the last axis."""

_KERAS_3 = {
    "conv2d": "conv_1",
    "conv2d_1": "conv_2",
    "conv2d_2": "conv_3",
    "conv2d_3": "conv_4",
    "dense": "fc_1",
    "dense_1": "fc_2",
    "dense_2": "output",
}
"""How a *.weights.h5 file of Keras 3 names the layers."""
LARGEST_FILE = 64 * 2**20
"""Bytes: many times what a DeepID with its optimizer takes."""


def read_weights(path: str | os.PathLike[str]) -> dict[str, npt.NDArray[np.float32]]:
    """The weights in an h5 file of Keras: a weights file or a whole model.

    Raises InputError where it is anything but a DeepID of 1283 classes with finite float32 values;
    the message has no path in front.
    """
    size = Path(path).stat().st_size
    if size > LARGEST_FILE:
        raise InputError(f"{size} bytes, expected at most {LARGEST_FILE} for a DeepID")
    with open_h5(path) as file:
        if has(file, "layers"):
            return _read(subgroup(file, "layers"), _KERAS_3)
        group = subgroup(file, "model_weights") if has(file, "model_weights") else file
        return _read(group, {layer: layer for layer in SHAPES})


def write_weights(weights: Weights) -> bytes:
    """The weights as an h5 file that Keras loads into a DeepID, and that `read_weights` reads."""
    buffer = BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["layer_names"] = [layer.encode() for layer in SHAPES]
        for layer in SHAPES:
            names = [f"{layer}/{part}:0" for part in ("kernel", "bias")]
            group = file.create_group(layer)
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name in names:
                group[name] = weights[name.removesuffix(":0")]
    return buffer.getvalue()


def _read(group: h5py.Group, layers: dict[str, str]) -> dict[str, npt.NDArray[np.float32]]:
    """`layers`: name in the file -> name of ours."""
    for name in group:
        if name not in layers and not _is_empty(group, name):
            raise InputError(f"layer {name} has weights, expected only {', '.join(layers)}")
    weights = {}
    for name, layer in layers.items():
        if not has(group, name):
            raise InputError(f"no layer {name} in it, expected {', '.join(layers)}")
        kernel, bias = _pair(subgroup(group, name), name)
        shape = SHAPES[layer]
        weights[f"{layer}/kernel"] = _values(kernel, f"{name}'s kernel", shape)
        weights[f"{layer}/bias"] = _values(bias, f"{name}'s bias", shape[-1:])
    return weights


def _is_empty(group: h5py.Group, name: str) -> bool:
    """Whether a layer is one without weights, such as pooling."""
    layer = subgroup(group, name)
    return all(name == "vars" and len(subgroup(layer, name)) == 0 for name in layer)


def _pair(layer: h5py.Group, name: str) -> tuple[h5py.Dataset, h5py.Dataset]:
    """A layer's kernel and bias, by the names that Keras 2, Keras 3 and its weights files use."""
    inner = subgroup(layer, "vars" if has(layer, "vars") else name)
    for kernel, bias in (("kernel:0", "bias:0"), ("kernel", "bias"), ("0", "1")):
        if has(inner, kernel):
            if len(inner) != 2:
                raise InputError(
                    f"layer {name} holds {len(inner)} arrays, expected kernel and bias"
                )
            return dataset(inner, kernel), dataset(inner, bias)
    raise InputError(f"layer {name} has no kernel")


def _values(values: h5py.Dataset, name: str, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    if values.shape != shape:
        raise InputError(f"{name} is {values.shape}, expected {shape}")
    if values.dtype.newbyteorder("=") != np.float32:
        raise InputError(f"{name} is {values.dtype}, expected float32")
    array = values[()].astype(np.float32)
    if not np.isfinite(array).all():
        raise InputError(f"{name} holds values that are not finite")
    return array
