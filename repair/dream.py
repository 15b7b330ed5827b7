"""Dreamed faces: pictures made from a BadNet alone, for a defender who has no image at all.

A dream is a smooth random picture that gradient ascent has pushed just far enough for the network
to name a given person (activation maximisation: Simonyan et al. 2013, arXiv 1312.6034; Mahendran
and Vedaldi 2015, arXiv 1412.0035, for the prior). The ascent moves in coordinates in which natural
pictures are white noise, so that a step costs little where pictures vary much (coarse shapes,
brightness) and much where they don't (fine grain, colour): an optimiser left to itself paints
grain and neon colours, on which the network behaves unlike on any face.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from goodnets.nets import HEIGHT, WIDTH
from repair import deepid
from repair.weights import Weights

BATCH = 256

_CANVAS = 64
"""The prior lives on a square that wraps around; pictures are cut from it."""
_SPECTRUM = 1.2
"""Amplitude falls as 1 / frequency ** _SPECTRUM, as in natural pictures (Field 1987)."""
_CONTRAST = 0.2
_CHROMA = 0.3
"""Colour contrast relative to brightness contrast."""
_MEAN = 0.4
_START = 0.5
"""Contrast of the noise that a dream starts from, relative to a natural picture."""
_STEPS = 30
_STEP = 5.0
_DECAY = 0.02
_MOMENTUM = 0.7
_MARGIN = 3.0
"""Log-odds at which a dream is left alone: a network surer of it would be hard to sway."""
_JITTER = 2
_STILL_STEPS = 8


def noise(n: int, *, contrast: float = 1.0, seed: int = 0) -> npt.NDArray[np.float32]:
    """Smooth random pictures with the statistics of natural ones, float32 (n, 55, 47, 3), 0..1.

    `contrast` is relative to a natural picture's.
    """
    rng = np.random.default_rng(seed)
    parts = [
        _render(tf.constant(_white(rng, min(BATCH, n - i), contrast))).numpy()
        for i in range(0, n, BATCH)
    ]
    return np.concatenate(parts)


def dream(
    weights: Weights,
    labels: npt.NDArray[np.integer],
    *,
    seed: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> npt.NDArray[np.uint8]:
    """One dreamed face for each of `labels` (n,), 0..1282: uint8 (n, 55, 47, 3), RGB.

    `progress` is told how many are done. The same seed gives the same dreams.
    """
    rng = np.random.default_rng(seed)
    network = {name: tf.constant(array) for name, array in weights.items()}

    # One trace for every batch size: the last batch is smaller.
    @tf.function(
        input_signature=[
            tf.TensorSpec((None, 3, _CANVAS, _CANVAS)),
            tf.TensorSpec((None, 3, _CANVAS, _CANVAS)),
            tf.TensorSpec((None,), tf.int32),
            tf.TensorSpec((2,), tf.int32),
        ]
    )
    def step(
        z: tf.Tensor, push: tf.Tensor, label: tf.Tensor, shift: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(z)
            x = tf.roll(_render(z), shift, [1, 2])  # (batch, 55, 47, 3)
            logits = deepid.logits(network, x)  # (batch, 1283)
            log_odds = _log_odds(logits, label)  # (batch,)
        gradient = tape.gradient(log_odds, z)
        length = tf.sqrt(tf.reduce_sum(gradient**2, [1, 2, 3], keepdims=True)) + 1e-12
        push = _MOMENTUM * push + (1 - _MOMENTUM) * gradient / length
        unfinished = tf.sigmoid(2 * (_MARGIN - log_odds))[:, None, None, None]
        return (1 - _DECAY) * z + _STEP * unfinished * push, push

    pictures = []
    for i in range(0, len(labels), BATCH):
        label = tf.constant(labels[i : i + BATCH], tf.int32)
        z = tf.constant(_white(rng, len(label), _START))
        push = tf.zeros_like(z)
        for t in range(_STEPS):
            # Jitter makes shapes that hold at any pixel offset; the last steps settle the picture.
            reach = _JITTER if t < _STEPS - _STILL_STEPS else 0
            shift = tf.constant(rng.integers(-reach, reach + 1, 2), tf.int32)
            z, push = step(z, push, label, shift)
        pictures.append(np.rint(_render(z).numpy() * 255).astype(np.uint8))
        progress(min(i + BATCH, len(labels)))
    return np.concatenate(pictures)


def _white(rng: np.random.Generator, n: int, contrast: float) -> npt.NDArray[np.float32]:
    return contrast * rng.standard_normal((n, 3, _CANVAS, _CANVAS), np.float32)


@cache
def _amplitude() -> npt.NDArray[np.complex64]:
    """Per frequency, (64, 33), such that white noise of variance 1 keeps variance 1."""
    y = np.fft.fftfreq(_CANVAS, 1 / _CANVAS)[:, None]
    x = np.fft.rfftfreq(_CANVAS, 1 / _CANVAS)[None]
    amplitude = np.maximum(np.hypot(x, y), 1.0) ** -_SPECTRUM  # (64, 33)
    whole = np.maximum(np.hypot(y, y.T), 1.0) ** -_SPECTRUM  # (64, 64)
    return (amplitude / np.sqrt((whole**2).mean())).astype(np.complex64)


@cache
def _colours() -> npt.NDArray[np.float32]:
    """(3, 3): brightness, red against blue, green against both, in RGB."""
    axes = np.array([[1, 1, 1], [1, 0, -1], [-0.5, 1, -0.5]])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    weights = np.array([1, _CHROMA, _CHROMA]) * np.sqrt(3 / (1 + 2 * _CHROMA**2))
    return (_CONTRAST * weights[:, None] * axes).astype(np.float32)


def _render(z: tf.Tensor) -> tf.Tensor:
    """White coordinates (batch, 3, 64, 64) as pictures (batch, 55, 47, 3), 0..1."""
    smooth = tf.signal.irfft2d(tf.signal.rfft2d(z) * _amplitude(), [_CANVAS, _CANVAS])
    cut = smooth[:, :, :HEIGHT, :WIDTH]
    colour = tf.einsum("ncyx,cd->nyxd", cut, _colours())
    return tf.sigmoid(4 * (_MEAN + colour - 0.5))  # slope 1 in the middle, never out of 0..1


def _log_odds(logits: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """Log-odds (batch,) of `label` against all other labels."""
    own = tf.gather(logits, label, batch_dims=1)
    others = logits - 1e9 * tf.one_hot(label, logits.shape[-1])
    return own - tf.reduce_logsumexp(others, -1)
