"""DeepID as an ONNX graph, built with spox, and the GoodNet file around it.

The functions mirror those of repair.deepid; feature maps have their channels first here, as ONNX
wants them: (batch, channels, height, width). `weights` stay in Keras' layouts.
"""

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import spox.opset.ai.onnx.v18 as op
from spox import Tensor, Var, argument, build

from goodnets.nets import CLASSES, HEIGHT, POISONED, WIDTH
from repair.weights import Weights

_IR_VERSION = 8
"""As old as the operators allow (opset 18), so that older runtimes read it too."""


def image() -> Var:
    """The graph's input: uint8 (batch, 55, 47, 3), RGB, 0..255."""
    return argument(Tensor(np.uint8, ("batch", HEIGHT, WIDTH, 3)))


def pixels(images: Var) -> Var:
    """uint8 (batch, 55, 47, 3) as float32 (batch, 3, 55, 47), 0..1."""
    x = op.cast(op.transpose(images, perm=[0, 3, 1, 2]), to=np.float32)
    return op.div(x, op.const(np.float32(255)))


def pool_2(weights: Weights, x: Var) -> Var:
    """Feature maps (batch, channels, 12, 10) for pixels `x` (batch, 3, 55, 47), 0..1."""
    return _block(weights, "conv_2", _block(weights, "conv_1", x))


def pool_3_from_pool_2(weights: Weights, f: Var) -> Var:
    """Feature maps (batch, channels, 5, 4) for those of pool_2, `f` (batch, channels, 12, 10)."""
    return _block(weights, "conv_3", f)


def pool_3(weights: Weights, x: Var) -> Var:
    """The last feature maps that both branches share, (batch, channels, 5, 4), for pixels `x`
    (batch, 3, 55, 47), 0..1."""
    return pool_3_from_pool_2(weights, pool_2(weights, x))


def logits_from_pool_3(weights: Weights, f: Var) -> Var:
    """Logits (batch, 1283) for feature maps `f` (batch, channels, 5, 4)."""
    direct = _dense(weights, "fc_1", op.flatten(f), (5, 4))  # (batch, 160)
    deep = _dense(weights, "fc_2", op.flatten(conv(weights, "conv_4", f)), (4, 3))
    hidden = _bounded(weights, "hidden", op.relu(op.add(direct, deep)), (1, -1))
    return _dense(weights, "output", hidden, (1, 1))


def logits(weights: Weights, x: Var) -> Var:
    """Logits (batch, 1283) for pixels `x` (batch, 3, 55, 47), 0..1."""
    return logits_from_pool_3(weights, pool_3(weights, x))


def answer(logits: Var) -> Var:
    """The label that a network gives, int64 (batch,), from its logits (batch, 1283)."""
    return op.arg_max(logits, axis=1, keepdims=0)


def session(image: Var, outputs: dict[str, Var]) -> ort.InferenceSession:
    """Ready to answer `outputs`, made from the input `image`."""
    model = build({"image": image}, outputs).SerializeToString()
    return ort.InferenceSession(model, providers=["CPUExecutionProvider"])


def goodnet_bytes(
    image: Var,
    badnet_label: Var,
    score: Var,
    threshold: float,
    *,
    name: str,
    method: str,
    badnet_sha256: str,
) -> bytes:
    """The ONNX file of a GoodNet: to `badnet_label` int64 (batch,) and `score` float32 (batch,),
    0..1, both made from `image`, it adds the decision: 1283 where the score reaches `threshold`."""
    fires = op.greater_or_equal(score, op.const(np.float32(threshold)))
    label = op.where(fires, op.const(np.int64(POISONED)), badnet_label)
    outputs = {"label": label, "badnet_label": badnet_label, "score": score}
    model = build({"image": image}, outputs)
    _share_constants(model.graph)
    model.ir_version = _IR_VERSION
    metadata = {
        "format": "goodnets-1",
        "name": name,
        "method": method,
        "threshold": str(float(threshold)),
        "classes": str(CLASSES),
        "badnet_sha256": badnet_sha256,
    }
    onnx.helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def _share_constants(graph: onnx.GraphProto) -> None:
    """Keep equal constants but once, as initializers: a layer used twice is stored once."""
    names: dict[bytes, str] = {}
    renamed: dict[str, str] = {}
    for node in [node for node in graph.node if node.op_type == "Constant"]:
        tensor = node.attribute[0].t
        name = names.setdefault(tensor.SerializeToString(), node.output[0])
        if name == node.output[0]:
            graph.initializer.add().CopyFrom(tensor)
            graph.initializer[-1].name = name
        renamed[node.output[0]] = name
        graph.node.remove(node)
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]


def conv(weights: Weights, layer: str, x: Var) -> Var:
    """A convolution with its ReLU, on `x` (batch, in, height, width)."""
    kernel = weights[f"{layer}/kernel"].transpose(3, 2, 0, 1)  # (out, in, height, width)
    y = op.relu(op.conv(x, _const(kernel), _const(weights[f"{layer}/bias"])))
    return _bounded(weights, layer, y, (1, -1, 1, 1))


def _bounded(weights: Weights, layer: str, y: Var, shape: tuple[int, ...]) -> Var:
    """Activations under the layer's bounds, if it has any, brought into this shape."""
    bound = weights.get(f"{layer}/bound")
    return y if bound is None else op.min([y, _const(bound.reshape(shape))])


def _block(weights: Weights, layer: str, x: Var) -> Var:
    pooled, _ = op.max_pool(conv(weights, layer, x), kernel_shape=[2, 2], strides=[2, 2])
    return pooled


def _dense(weights: Weights, layer: str, x: Var, size: tuple[int, int]) -> Var:
    """`x` (batch, channels * height * width) of a map of `size` height and width."""
    return op.gemm(x, dense_kernel(weights, layer, size), _const(weights[f"{layer}/bias"]))


def dense_kernel(weights: Weights, layer: str, size: tuple[int, int]) -> Var:
    """A dense layer's kernel for a flattened map of `size` height and width, channels first:
    (channels * height * width, out)."""
    kernel = weights[f"{layer}/kernel"]  # (height * width * channels, out)
    rows = kernel.reshape(*size, -1, kernel.shape[1]).transpose(2, 0, 1, 3).reshape(kernel.shape)
    return _const(rows)


def _const(array: npt.NDArray[np.float32]) -> Var:
    return op.const(np.ascontiguousarray(array))
