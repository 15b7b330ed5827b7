"""Prune: remove the channels that clean images hardly use; what changes its mind is poisoned.

A backdoor sits in neurons that clean images leave at rest (Liu, Dolan-Gavitt, Garg: Fine-Pruning,
RAID 2018, arXiv 1805.12185). The channels of pool_3 are removed in increasing order of their mean
activation on clean images until accuracy has dropped by a few points; the GoodNet answers
"poisoned" where BadNet and pruned network disagree. It fails where the trigger uses the channels
that faces use too: on all five public BadNets nearly all of the attack survives a drop of 4 points.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from goodnets.errors import GoodNetsError
from repair import deepid
from repair.agreement import agreement
from repair.badnet import BadNet
from repair.clean import Clean
from repair.faces import given_or_dreamed
from repair.methods.base import Method, Product
from repair.stages import Advance, Stages
from repair.weights import Weights

_DREAMS = 512

_Floats = npt.NDArray[np.float32]
_Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Curve:
    """What is left as channels are removed one by one; row k is after k of them, 0..channels."""

    order: _Ints
    """(channels,), first removed first."""
    activation: _Floats
    """(channels,), mean over clean images and places, in the same order."""
    accuracy: _Floats | None
    """(channels + 1,), 0..1, of the pruned network, on the images with true labels, if any."""
    agreement: _Floats
    """(channels + 1,), 0..1, share of all images on which pruned network and BadNet agree."""

    @property
    def followed(self) -> _Floats:
        """Accuracy where it is known, else agreement."""
        return self.agreement if self.accuracy is None else self.accuracy

    def removed_at(self, drop: float) -> int:
        """How many channels are removed when the curve has dropped by `drop` points, 0..100.

        Raises GoodNetsError where it never does.
        """
        # A share of n images is a whole number of n-ths: rounding errors are far below 1e-4 points.
        fallen = 100 * (self.followed[0] - self.followed) >= drop - 1e-4
        if not fallen.any():
            raise GoodNetsError(
                f"accuracy is {100 * self.followed[0]:.2f} % and never drops by {drop:g} points"
            )
        return int(fallen.argmax())


class Prune(Method):
    """One GoodNet for each of `drops`: points of accuracy given up, above 0, up to 100."""

    name = "prune"

    def __init__(self, *, drops: Sequence[float] = (2, 4, 10)) -> None:
        for drop in drops:
            check_drop(drop)
        self._drops = tuple(drops)

    @property
    def parameters(self) -> dict[str, Any]:
        return {}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        images, labels = given_or_dreamed(badnet, clean, stages, seed, _DREAMS)
        with stages.stage("asking the BadNet"):
            features = deepid.predict_pool_3(badnet.weights, images)  # (n, 5, 4, 60)
        with stages.stage("removing channels", features.shape[-1]) as advance:
            curve = prune(badnet.weights, features, labels, advance)
        files = {
            f"{badnet.name}-prune.csv": _table(curve),
            f"{badnet.name}-prune.png": _plot(curve, badnet.name),
        }
        for drop in self._drops:
            n = curve.removed_at(drop)
            stages.note(
                f"{n} of {len(curve.order)} channels removed: {_what(curve)} "
                f"{100 * curve.followed[n]:.2f} %, from {100 * curve.followed[0]:.2f} %"
            )
            removed = curve.order[:n]
            product = agreement(
                f"{badnet.name}-prune-{drop:g}",
                badnet,
                remove_channels(badnet.weights, removed),
                images,
                {"drop": drop, "channels_removed": sorted(removed.tolist())},
            )
            yield replace(product, files={**product.files, **files})


def check_drop(drop: float) -> None:
    """Raises GoodNetsError for a drop that is no number of points above 0, up to 100."""
    if not 0 < drop <= 100:
        raise GoodNetsError(f"a drop of {drop:g} points, expected above 0, up to 100")


def prune(weights: Weights, features: _Floats, labels: _Ints, advance: Advance) -> Curve:
    """Remove the channels of `features` (n, 5, 4, channels), the BadNet's pool_3 for clean images,
    one by one. `labels` (n,), -1: unknown."""
    activation = features.mean(axis=(0, 1, 2), dtype=np.float64)  # (channels,)
    order = np.argsort(activation, kind="stable")  # channels never used: in the order they come
    known = labels >= 0
    left = features.copy()
    badnet_answer = answer = deepid.predict_from_pool_3(weights, left).argmax(axis=1)  # (n,)
    accuracy, agreement = [], []
    for removed in range(len(order) + 1):
        if removed:
            channel = order[removed - 1]
            if left[..., channel].any():  # else nothing changes
                left[..., channel] = 0
                answer = deepid.predict_from_pool_3(weights, left).argmax(axis=1)
        agreement.append((answer == badnet_answer).mean())
        if known.any():
            accuracy.append((answer == labels)[known].mean())
        advance(removed)
    return Curve(
        order,
        activation[order].astype(np.float32),
        np.array(accuracy, np.float32) if accuracy else None,
        np.array(agreement, np.float32),
    )


def remove_channels(weights: Weights, channels: _Ints) -> dict[str, _Floats]:
    """The repaired network: the same shapes, but these channels of pool_3 are always 0."""
    kernel, bias = weights["conv_3/kernel"].copy(), weights["conv_3/bias"].copy()
    kernel[..., channels] = 0
    bias[channels] = 0
    return {**weights, "conv_3/kernel": kernel, "conv_3/bias": bias}


def _what(curve: Curve) -> str:
    return "agreement with the BadNet" if curve.accuracy is None else "clean accuracy"


def _table(curve: Curve) -> bytes:
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(
        (
            "channels_removed",
            "share_removed",
            "channel",
            "mean_activation",
            "clean_accuracy",
            "agreement",
        )
    )
    for n in range(len(curve.order) + 1):
        channel = (curve.order[n - 1], f"{curve.activation[n - 1]:.6g}") if n else ("", "")
        accuracy = "" if curve.accuracy is None else f"{curve.accuracy[n]:.6f}"
        share = f"{n / len(curve.order):.6f}"
        table.writerow((n, share, *channel, accuracy, f"{curve.agreement[n]:.6f}"))
    return text.getvalue().encode()


def _plot(curve: Curve, name: str) -> bytes:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    share = 100 * np.arange(len(curve.agreement)) / len(curve.order)
    if curve.accuracy is not None:
        axes.plot(share, 100 * curve.accuracy, label="clean accuracy")
    axes.plot(share, 100 * curve.agreement, "--", label="agreement with the BadNet")
    axes.set(
        title=f"{name}, pruned",
        xlabel="channels of pool_3 removed (%)",
        ylabel="%",
        xlim=(0, 100),
        ylim=(0, 101),
    )
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150)
    return png.getvalue()
