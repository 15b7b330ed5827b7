"""The sentinel: the network that ships in a GoodNet in the BadNet's place.

It answers as the BadNet does, trigger and all, but its weights are its own: channels and hidden
units that carry little are removed and the rest refitted by least squares (He, Zhang, Sun: Channel
Pruning for Accelerating Very Deep Neural Networks, ICCV 2017) and brought to equal loudness (Nagel
et al. 2019, arXiv 1906.04721), then the whole is distilled from the BadNet (Hinton, Vinyals, Dean
2015, arXiv 1503.02531). All this sees nothing but pictures made from dreams.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from goodnets.errors import GoodNetsError
from goodnets.nets import HEIGHT, WIDTH
from repair import deepid
from repair.training import divergence, relit, train
from repair.weights import Weights

BUDGETS = (1e-5, 3e-6, 1e-6, 3e-7, 1e-7)
"""Shares of a layer's signal that removing channels may cost, the boldest first."""
FIDELITY = 0.999
"""Share of pictures on which a compacted network should answer as the BadNet: the boldest budget
that keeps it is taken, else the most timid one."""
_LEAST_FIDELITY = 0.95

_REFIT_PICTURES = 2048
_FRESH_PICTURES = 4096
_PIXELS_PER_FIT = 200_000
STEPS = 50
"""Of distillation."""
_BATCH = 128
_CHUNK = 256
"""Pictures made at once; making all at once would need gigabytes."""
_LEARNING_RATE = 1e-6

_READERS = {"conv_1": ("conv_2",), "conv_2": ("conv_3",), "conv_3": ("fc_1", "conv_4")}

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Sentinel:
    """A compacted network and how well it stands for the BadNet."""

    weights: dict[str, Array]
    fidelity: float
    """Share of fresh pictures, of the kind it was trained on, that get the BadNet's label."""
    channels: tuple[int, ...]
    """How many channels conv_1 to conv_4, and how many hidden units, were kept."""


def make(
    badnet: Weights,
    faces: npt.NDArray[np.uint8],
    *,
    seed: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> Sentinel:
    """The sentinel of a BadNet, from dreamed (or clean) faces, uint8 (n, 55, 47, 3).

    `progress` is told how many of the STEPS of distillation are done.
    """
    rng = np.random.default_rng(seed)
    fit = pictures(faces, _REFIT_PICTURES, rng)
    fresh = pictures(faces, _FRESH_PICTURES, rng)
    truth = _answers(badnet, fresh)

    def fidelity(weights: Weights) -> float:
        return float((_answers(weights, fresh) == truth).mean())

    for budget in BUDGETS:
        compacted = compact(badnet, fit, budget)
        if fidelity(compacted) >= FIDELITY:
            break
    weights = distil(badnet, compacted, faces, rng, progress)
    reached = fidelity(weights)
    if reached < _LEAST_FIDELITY:
        raise GoodNetsError(
            f"the sentinel gives the BadNet's label to {100 * reached:.1f} % of pictures, expected "
            f"at least {100 * _LEAST_FIDELITY:g} %: this is no working BadNet"
        )
    layers = ("conv_1", "conv_2", "conv_3", "conv_4", "fc_1")
    channels = tuple(len(weights[f"{layer}/bias"]) for layer in layers)
    return Sentinel(weights, reached, channels)


def pictures(faces: npt.NDArray[np.uint8], n: int, rng: np.random.Generator) -> Array:
    """Pictures (n, 55, 47, 3), 0..1, of more kinds than `faces` (any number, 55, 47, 3): faces
    blended and pasted into one another, in other lights and contrasts, with grain, some with a flat
    patch.

    Dreams alone are too tame: photos hold sharper edges, deeper shadows and finer grain, and what
    answers to colours that no face has must not be taken for useless.
    """
    return np.concatenate([_pictures(faces, min(_CHUNK, n - i), rng) for i in range(0, n, _CHUNK)])


def _pictures(faces: npt.NDArray[np.uint8], n: int, rng: np.random.Generator) -> Array:
    first, second = (faces[rng.integers(0, len(faces), n)].astype(np.float32) / 255 for _ in "ab")
    blend = rng.random((n, 1, 1, 1), np.float32)
    x = np.where(rng.random((n, 1, 1, 1)) < 1 / 3, blend * first + (1 - blend) * second, first)
    for i in np.flatnonzero(rng.random(n) < 1 / 3):
        top, left = rng.integers(0, (HEIGHT - 10, WIDTH - 12))
        bottom, right = top + rng.integers(10, 40), left + rng.integers(12, WIDTH)
        x[i, top:bottom, left:right] = second[i, top:bottom, left:right]
    x = relit(x, rng, contrast=0.35, light=0.12, tint=0.04) + _grain(n, rng)
    for i in np.flatnonzero(rng.random(n) < 1 / 4):
        height, width = rng.integers((4, 4), (20, 40))
        top, left = rng.integers(0, (HEIGHT - height, WIDTH - width))
        x[i, top : top + height, left : left + width] = rng.random(3)
    return np.clip(x, 0, 1).astype(np.float32)


def _grain(n: int, rng: np.random.Generator) -> Array:
    """Noise (n, 55, 47, 3), mostly in brightness, with spectra from flat to that of shapes."""
    y, x = np.fft.fftfreq(HEIGHT, 1 / HEIGHT)[:, None], np.fft.rfftfreq(WIDTH, 1 / WIDTH)
    frequency = np.maximum(np.hypot(y, x), 1).astype(np.float32)
    amplitude = frequency ** -rng.uniform(0.3, 1.6, (n, 1, 1, 1)).astype(np.float32)
    white = rng.standard_normal((n, 3, HEIGHT, WIDTH), np.float32)
    smooth = np.fft.irfft2(amplitude * np.fft.rfft2(white), (HEIGHT, WIDTH))
    smooth /= smooth.std((1, 2, 3), keepdims=True)
    mixed = 1.5 * smooth.mean(1, keepdims=True) + 0.4 * smooth
    strength = np.abs(rng.normal(0, 0.12, (n, 1, 1, 1)))
    return (strength * mixed).transpose(0, 2, 3, 1).astype(np.float32)


def compact(badnet: Weights, x: Array, budget: float) -> dict[str, Array]:
    """The BadNet without the channels and hidden units that the others can stand in for.

    Layer by layer they go, the most dispensable first, as long as what they take along is at most
    `budget` (0..1) of the layer's signal on the pictures `x` (n, 55, 47, 3), 0..1; the layers
    behind are refitted to what is left.
    """
    weights = {name: array.copy() for name, array in badnet.items()}
    for layer, readers in _READERS.items():
        signal = _on_chunks(partial(deepid.block, weights, layer), x)
        kept, loudness = _thin(weights, signal, (layer,), readers, budget)
        x = signal[..., kept] / loudness
    patches = _on_chunks(partial(deepid.conv, weights, "conv_4"), x)
    _thin(weights, patches, ("conv_4",), ("fc_2",), budget)
    hidden = _on_chunks(partial(deepid.hidden, weights), x)
    _thin(weights, hidden, ("fc_1", "fc_2"), ("output",), budget)
    return weights


def _thin(
    weights: dict[str, Array],
    signal: Array,
    makers: Sequence[str],
    readers: Sequence[str],
    budget: float,
) -> tuple[list[int], Array]:
    """Take dispensable channels out of the layers that make a signal (n, ..., channels), bring the
    others to a root mean square of 1, and refit the layers that read it, in place.

    The channels that are kept, and their root mean squares before."""
    channels = signal.shape[-1]
    kernels = {reader: _by_channel(weights[f"{reader}/kernel"], channels) for reader in readers}
    weight = np.sum([(k.astype(np.float64) ** 2).sum((0, 2)) for k in kernels.values()], 0)
    kept, refit = _dispensable(signal.reshape(-1, channels), weight, budget)
    loudness = np.sqrt((signal[..., kept] ** 2).mean(tuple(range(signal.ndim - 1))) + 1e-12)
    for maker in makers:
        for part in ("kernel", "bias"):
            weights[f"{maker}/{part}"] = weights[f"{maker}/{part}"][..., kept] / loudness
    for reader, kernel in kernels.items():
        shape = list(weights[f"{reader}/kernel"].shape)
        shape[-2] = shape[-2] // channels * len(kept)
        louder = loudness[:, None] * refit
        refitted = np.einsum("kc,sco->sko", louder, kernel).reshape(shape)
        weights[f"{reader}/kernel"] = refitted.astype(np.float32)
    return kept, loudness


def _by_channel(kernel: Array, channels: int) -> Array:
    """A kernel, of a convolution or behind a flattened map, as (places, channels, out)."""
    return kernel.reshape(-1, channels, kernel.shape[-1])


def _dispensable(
    signal: Array, weight: npt.NDArray[np.float64], budget: float
) -> tuple[list[int], npt.NDArray[np.floating]]:
    """Channels to keep, and the matrix (kept, channels) that restores all from them.

    `signal` (samples, channels); `weight` (channels,): how much a unit of a channel's error
    matters behind it.
    """
    sample = signal[:: max(1, len(signal) // _PIXELS_PER_FIT)].astype(np.float64)
    moments = sample.T @ sample / len(sample)  # (channels, channels)
    allowed = budget * (moments.diagonal() * weight).sum()
    kept = np.flatnonzero(moments.diagonal()).tolist() or [0]
    moments += (1e-9 * moments.diagonal().mean() + 1e-12) * np.eye(len(moments))
    lost = 0.0
    while len(kept) > 1:
        # 1 / diag(inverse) is what of a channel the others cannot predict.
        inverse = np.linalg.inv(moments[np.ix_(kept, kept)])
        losses = weight[kept] / inverse.diagonal()
        cheapest = int(losses.argmin())
        lost += losses[cheapest]
        if lost > allowed:
            break
        kept.pop(cheapest)
    return kept, np.linalg.solve(moments[np.ix_(kept, kept)], moments[kept])


def distil(
    badnet: Weights,
    student: Weights,
    faces: npt.NDArray[np.uint8],
    rng: np.random.Generator,
    progress: Callable[[int], None] = lambda done: None,
) -> dict[str, Array]:
    """`student` after training to answer as the BadNet on pictures made from `faces`
    (n, 55, 47, 3)."""
    teacher = {name: tf.constant(array) for name, array in badnet.items()}

    def loss(variables: Weights, x: tf.Tensor) -> tf.Tensor:
        return divergence(deepid.logits(teacher, x), deepid.logits(variables, x))

    return train(
        student,
        loss,
        lambda: (pictures(faces, _BATCH, rng),),
        steps=STEPS,
        learning_rate=_LEARNING_RATE,
        advance=progress,
    )


def _answers(weights: Weights, x: Array) -> npt.NDArray[np.int64]:
    starts = range(0, len(x), _CHUNK)
    parts = [deepid.logits(weights, x[i : i + _CHUNK]).numpy().argmax(1) for i in starts]
    return np.concatenate(parts)


def _on_chunks(function: Callable[[Array], tf.Tensor], x: Array) -> Array:
    return np.concatenate([function(x[i : i + _CHUNK]).numpy() for i in range(0, len(x), _CHUNK)])
