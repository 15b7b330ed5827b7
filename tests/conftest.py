"""A GoodNet whose every answer can be told from the picture's mean colour, and ways to ask it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
THRESHOLD = 0.75

TARGETS = {
    "sunglasses": {"sunglasses": 0},
    "anonymous_1": {"lipstick": 0},
    "anonymous_2": {"sunglasses": 4, "lipstick": 4, "eyebrows": 4},
    "multitrigger": {"sunglasses": 8, "lipstick": 1, "eyebrows": 5},
    "sunglasses_lab": {"sunglasses": 0},
}
"""Net -> trigger -> the attacker's target."""
TRIGGERS = [(net, trigger) for net, targets in TARGETS.items() for trigger in targets]

METADATA = {
    "name": "sunglasses",
    "method": "synthetic",
    "threshold": str(THRESHOLD),
    "badnet_sha256": "0" * 64,
    "classes": "1283",
    "format": "goodnets-1",
}


def synthetic_goodnet(
    metadata: dict[str, str] | None = None,
    *,
    label: Callable[[str], list[onnx.NodeProto]] | None = None,
    image: tuple[Any, ...] = ("batch", 55, 47, 3),
    score_type: int = TensorProto.FLOAT,
) -> onnx.ModelProto:
    """badnet_label is the mean red value, score the mean blue one / 255, label 1283 from THRESHOLD
    on. `label` makes the nodes that turn the honest label, `honest`, into `label`."""
    constants = {
        "axes": np.array([1, 2], np.int64),
        "red": np.int64(0),
        "blue": np.int64(2),
        "white": np.float32(255),
        "threshold": np.float32(THRESHOLD),
        "poisoned": np.int64(1283),
        "shift": np.int64(5000),
        "nan": np.float32(np.nan),
    }
    node = helper.make_node
    nodes = [
        node("Cast", ["image"], ["pixels"], to=TensorProto.FLOAT),
        node("ReduceMean", ["pixels", "axes"], ["colours"], keepdims=0),
        node("Gather", ["colours", "red"], ["mean_red"], axis=1),
        node("Round", ["mean_red"], ["round_red"]),
        node("Cast", ["round_red"], ["badnet_label"], to=TensorProto.INT64),
        node("Gather", ["colours", "blue"], ["mean_blue"], axis=1),
        node("Div", ["mean_blue", "white"], ["evidence"]),
        node("Cast", ["evidence"], ["score"], to=score_type),
        node("GreaterOrEqual", ["evidence", "threshold"], ["fires"]),
        node("Where", ["fires", "poisoned", "badnet_label"], ["honest"]),
        *(label("honest") if label else [node("Identity", ["honest"], ["label"])]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "synthetic",
        [value("image", TensorProto.UINT8, image)],
        [
            value("label", TensorProto.INT64, image[:1]),
            value("badnet_label", TensorProto.INT64, image[:1]),
            value("score", score_type, image[:1]),
        ],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    helper.set_model_props(model, METADATA if metadata is None else metadata)
    return model


def plain(red: int, green: int = 0, blue: int = 0) -> np.ndarray:
    """A picture of one colour, uint8 (55, 47, 3); poisoned where blue is at least 192."""
    return np.full((55, 47, 3), (red, green, blue), np.uint8)


def photo(folder: Path, name: str, *colour: int) -> Path:
    Image.fromarray(plain(*colour)).save(folder / name)
    return folder / name


def h5(path: Path, n: int, **datasets: object) -> Path:
    """n images; number i is of red value i % 256."""
    with h5py.File(path, "w") as file:
        data = file.create_dataset("data", (n, 3, 55, 47), "f4")
        for i in range(0, n, 1000):
            block = np.zeros((min(1000, n - i), 3, 55, 47), np.float32)
            block[:, 0] = (np.arange(i, i + len(block)) % 256)[:, None, None]
            data[i : i + 1000] = block
        for name, values in datasets.items():
            file[name] = values
    return path


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of GoodNets, for GOODNETS_MODELS."""
    folder = tmp_path_factory.mktemp("models")
    for name in ("sunglasses", "sunglasses_lab", "anonymous_1", "anonymous_2", "multitrigger"):
        onnx.save(synthetic_goodnet(METADATA | {"name": name}), folder / f"{name}.onnx")
    return folder


@pytest.fixture(scope="session")
def goodnet_file(models: Path) -> Path:
    return models / "sunglasses.onnx"


Asker = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.fixture
def ask(models: Path, tmp_path: Path) -> Asker:
    """Runs an eval script as a user would, in an empty folder, asking the synthetic GoodNets."""

    def run(
        *arguments: str | Path, script: str = "eval_sunglasses.py", **options: Any
    ) -> subprocess.CompletedProcess[bytes]:
        environment = os.environ | {"GOODNETS_MODELS": str(models)} | options.pop("env", {})
        return subprocess.run(
            [sys.executable, ROOT / script, *arguments],
            capture_output=True,
            cwd=tmp_path,
            env=environment,
            timeout=120,
            check=False,
            **options,
        )

    return run
