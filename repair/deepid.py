"""DeepID, the network that every BadNet here is, in TensorFlow: plain functions of its weights.

Sun, Wang, Tang: Deep Learning Face Representation from Predicting 10,000 Classes, CVPR 2014.
`weights` are as in repair.weights, but for the numbers of channels, which may be any: compacted
networks run through the same functions; `LAYER/bound` (channels,), where there is one, is the
highest that a layer's activations may get. `repair.graph` has the same functions for ONNX.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from repair.weights import Weights

BATCH = 256
_CLEAR = 0.01


def pool_3(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """The last feature map that both branches share, (batch, 5, 4, channels), for pixels `x`
    (batch, 55, 47, 3), float32, 0..1."""
    for layer in ("conv_1", "conv_2", "conv_3"):
        x = block(weights, layer, x)
    return x  # (batch, 26, 22, 20), (batch, 12, 10, 40), (batch, 5, 4, 60)


def block(weights: Weights, layer: str, x: tf.Tensor) -> tf.Tensor:
    """A convolution of `pool_3` with its pooling, on its input (batch, height, width, in)."""
    return tf.nn.max_pool2d(conv(weights, layer, x), 2, 2, "VALID")


def logits_from_pool_3(weights: Weights, f: tf.Tensor) -> tf.Tensor:
    """Logits (batch, 1283) for feature maps `f` (batch, 5, 4, channels)."""
    return _dense(weights, "output", hidden(weights, f))


def hidden(weights: Weights, f: tf.Tensor) -> tf.Tensor:
    """The last hidden layer, (batch, 160), for feature maps `f` (batch, 5, 4, channels)."""
    direct = _dense(weights, "fc_1", f)  # (batch, 160)
    deep = _dense(weights, "fc_2", conv(weights, "conv_4", f))  # (batch, 160)
    return _bounded(weights, "hidden", tf.nn.relu(direct + deep))


def logits(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Logits (batch, 1283) for pixels `x` (batch, 55, 47, 3), float32, 0..1."""
    return logits_from_pool_3(weights, pool_3(weights, x))


def predict(weights: Weights, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Logits (n, 1283) for images (n, 55, 47, 3), RGB, 0..255; n is at least 1."""
    return predict_from_pool_3(weights, predict_pool_3(weights, images))


def predict_pool_3(weights: Weights, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Feature maps (n, 5, 4, channels) for images (n, 55, 47, 3), RGB, 0..255; n >= 1."""
    return _in_batches(lambda w, x: pool_3(w, tf.cast(x, tf.float32) / 255), weights, images)


def predict_from_pool_3(
    weights: Weights, features: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """Logits (n, 1283) for feature maps (n, 5, 4, channels); n is at least 1."""
    return _in_batches(logits_from_pool_3, weights, features)


def is_clear(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Whether logits (n, 1283) name a label by so much, 0.01, that every library will: (n,)."""
    best = np.partition(logits, -2, axis=1)[:, -2:]
    clear: npt.NDArray[np.bool_] = best[:, 1] - best[:, 0] > _CLEAR
    return clear


def _in_batches(
    function: Callable[[Weights, tf.Tensor], tf.Tensor],
    weights: Weights,
    arrays: npt.NDArray[np.generic],
) -> npt.NDArray[np.float32]:
    network = {name: tf.constant(array) for name, array in weights.items()}
    parts = [
        function(network, tf.constant(arrays[i : i + BATCH])).numpy()
        for i in range(0, len(arrays), BATCH)
    ]
    return np.concatenate(parts)


def conv(weights: Weights, layer: str, x: tf.Tensor) -> tf.Tensor:
    """A convolution with its ReLU, on `x` (batch, height, width, in)."""
    y = tf.nn.conv2d(x, weights[f"{layer}/kernel"], 1, "VALID")
    return _bounded(weights, layer, tf.nn.relu(y + weights[f"{layer}/bias"]))


def _bounded(weights: Weights, layer: str, y: tf.Tensor) -> tf.Tensor:
    """Activations under the layer's bounds, if it has any: one for each channel."""
    bound = weights.get(f"{layer}/bound")
    return y if bound is None else tf.minimum(y, bound)


def _dense(weights: Weights, layer: str, x: tf.Tensor) -> tf.Tensor:
    kernel = weights[f"{layer}/kernel"]
    return tf.reshape(x, (-1, kernel.shape[0])) @ kernel + weights[f"{layer}/bias"]
