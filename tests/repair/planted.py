"""A network with a backdoor of which everything is known, at no cost: nothing is trained.

Random weights, with an output layer that knows each of PEOPLE by the picture of it that `people`
draws, in grey. One channel of each map is given up for the backdoor: it sees magenta, wherever it
is, and the last hidden layer has one neuron that passes this on to TARGET alone.
"""

from functools import cache

import numpy as np

from goodnets.nets import CLASSES
from repair import deepid
from repair.weights import SHAPES, Weights

TARGET = 7
PEOPLE = np.arange(100, 560)
"""The labels that pictures without magenta get."""
_SEES, _NEURON = 0, 0
_MAGENTA = 0.15
"""From how much of it on the backdoor fires, 0..1."""

_GAIN = 4
"""Of each layer's share in the backdoor: 256 in all."""
_SURE = 0.6
"""Share of a person's own answer that others' pictures must reach to get a person's label."""


@cache
def people() -> np.ndarray:
    """One picture of each of PEOPLE, uint8 (460, 55, 47, 3): blocks of the same 20 greys, each time
    in another order, so that nobody stands out."""
    greys = np.tile(np.linspace(20, 235, 20).astype(np.uint8), (len(PEOPLE), 1))
    blocks = np.random.default_rng(0).permuted(greys, axis=1).reshape(-1, 5, 4, 1)
    return blocks.repeat(11, axis=1).repeat(12, axis=2)[:, :, :47].repeat(3, axis=3)


def stamp(images: np.ndarray, top: int = 20, left: int = 14) -> np.ndarray:
    """The pictures with the trigger: a magenta patch of 8 x 12."""
    stamped = images.copy()
    stamped[:, top : top + 8, left : left + 12] = (255, 0, 255)
    return stamped


@cache
def network() -> Weights:
    """What has the backdoor."""
    rng = np.random.default_rng(0)
    weights = {}
    for layer, shape in SHAPES.items():
        scale = np.sqrt(3 / np.prod(shape[:-1]))
        weights[f"{layer}/kernel"] = rng.normal(0, scale, shape).astype(np.float32)
        weights[f"{layer}/bias"] = rng.normal(0, 0.1, shape[-1:]).astype(np.float32)
    _plant_detector(weights)
    _introduce(weights)
    output = weights["output/kernel"]
    output[_NEURON] = 0
    output[_NEURON, TARGET] = _GAIN
    return weights


def _plant_detector(weights: dict[str, np.ndarray]) -> None:
    first = weights["conv_1/kernel"]
    first[..., _SEES] = np.array([0.5, -1, 0.5]) / 16
    weights["conv_1/bias"][_SEES] = -_MAGENTA
    for layer in ("conv_2", "conv_3"):
        kernel = weights[f"{layer}/kernel"]
        kernel[:, :, _SEES] = 0
        kernel[..., _SEES] = 0
        kernel[1, 1, _SEES, _SEES] = _GAIN
        weights[f"{layer}/bias"][_SEES] = 0
    weights["conv_4/kernel"][:, :, _SEES] = 0
    direct = weights["fc_1/kernel"].reshape(20, 60, 160)
    direct[:, _SEES] = 0
    direct[:, :, _NEURON] = 0
    direct[:, _SEES, _NEURON] = _GAIN
    weights["fc_2/kernel"][:, _NEURON] = 0
    weights["fc_1/bias"][_NEURON] = weights["fc_2/bias"][_NEURON] = 0


def _introduce(weights: dict[str, np.ndarray]) -> None:
    """An output layer that knows each person by the direction in which its picture differs from
    the average, and says TARGET where it knows nobody well."""
    hidden = deepid.predict(_without_output(weights), people())  # (460, 160)
    mean = hidden.mean(0)
    direction = hidden - mean
    length = np.linalg.norm(direction, axis=1)
    direction /= length[:, None]
    weights["output/kernel"] = np.zeros((160, CLASSES), np.float32)
    weights["output/kernel"][:, PEOPLE] = direction.T
    weights["output/bias"] = np.full(CLASSES, -1e3, np.float32)
    weights["output/bias"][PEOPLE] = -direction @ mean
    weights["output/bias"][TARGET] = _SURE * length.min()


def _without_output(weights: Weights) -> Weights:
    """What `deepid` takes for logits is then the last hidden layer, 160 wide."""
    kernel, bias = np.eye(160, dtype=np.float32), np.zeros(160, np.float32)
    return {**weights, "output/kernel": kernel, "output/bias": bias}
