from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import synthetic_goodnet
from onnx import TensorProto, helper

from goodnets import GoodNet
from goodnets.errors import ModelError
from goodnets.protobuf import has_external_data


def elsewhere() -> TensorProto:
    tensor = TensorProto(
        name="white", data_type=TensorProto.FLOAT, data_location=TensorProto.EXTERNAL
    )
    tensor.external_data.add(key="location", value="secret.bin")
    return tensor


def as_initializer(model: onnx.ModelProto) -> None:
    model.graph.initializer.append(elsewhere())


def as_constant(model: onnx.ModelProto) -> None:
    model.graph.node.append(helper.make_node("Constant", [], ["c"], value=elsewhere()))


def as_sparse(model: onnx.ModelProto) -> None:
    model.graph.sparse_initializer.add().values.CopyFrom(elsewhere())


def in_a_branch(model: onnx.ModelProto) -> None:
    branch = helper.make_graph([], "branch", [], [], [elsewhere()])
    model.graph.node.append(
        helper.make_node("If", ["fires"], ["c"], then_branch=branch, else_branch=branch)
    )


def in_a_function(model: onnx.ModelProto) -> None:
    node = helper.make_node("Constant", [], ["c"], value=elsewhere())
    model.functions.append(
        helper.make_function("own", "F", [], ["c"], [node], [helper.make_opsetid("", 18)])
    )


@pytest.mark.parametrize(
    "hide", [as_initializer, as_constant, as_sparse, in_a_branch, in_a_function]
)
def test_finds_external_data_wherever_it_hides(
    hide: Callable[[onnx.ModelProto], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("secret.bin").write_bytes(np.float32(255).tobytes())
    model = synthetic_goodnet()
    assert not has_external_data(model.SerializeToString())
    hide(model)
    assert has_external_data(model.SerializeToString())
    Path("model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="points at other files"):
        GoodNet.load("model.onnx")


def test_is_not_fooled_by_depth() -> None:
    def inside(field: int, message: bytes) -> bytes:
        size = len(message)
        return bytes([field << 3 | 2, size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + (
            message
        )

    graph = b""
    for _ in range(60):  # graph < attribute < node < graph
        graph = inside(1, inside(5, inside(6, graph)))
    with pytest.raises(ValueError, match="nested too deeply"):
        has_external_data(inside(7, graph))


@pytest.mark.parametrize("data", [b"\xff" * 20, b"\x3a\x50abc", b"\x0b", b"\x3a", b"\x09abc"])
def test_garbage(data: bytes) -> None:
    with pytest.raises(ValueError):
        has_external_data(data)
