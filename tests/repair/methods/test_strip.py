"""The entropy of blends."""

import numpy as np
import pytest

from goodnets.errors import GoodNetsError
from repair import deepid, graph
from repair.badnet import BadNet
from repair.clean import Clean
from repair.methods.strip import Strip, certainty
from repair.stages import Stages
from tests.repair.planted import PEOPLE, network, people, stamp


def test_certainty_is_one_less_the_relative_entropy() -> None:
    overlays, images = people()[-4:], np.concatenate([people()[:3], stamp(people()[3:5])])
    image = graph.image()
    score = certainty(network(), graph.pixels(image), overlays)
    (found,) = graph.session(image, {"score": score}).run(None, {"image": images})
    for one, got in zip(images, found, strict=True):
        blends = (one.astype(np.float32) + overlays) / 2 / 255
        logits = deepid.logits(network(), blends).numpy().astype(np.float64)
        p = np.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        entropy = -(p * np.log(np.maximum(p, 1e-300))).sum(1).mean()
        assert got == pytest.approx(1 - entropy / np.log(1283), abs=1e-3)
    assert found[3:].min() > found[:3].max()


@pytest.mark.parametrize("rejection", [0, 1, -0.1, float("nan")])
def test_rejections_out_of_range(rejection: float) -> None:
    with pytest.raises(GoodNetsError, match="expected above 0, below 1"):
        Strip(rejection=rejection)


def test_more_rejection_lowers_the_threshold() -> None:
    net = BadNet("net", "0" * 64, network())
    given = Clean(people()[:200], PEOPLE[:200], "synthetic", None)
    few, many = (
        next(Strip(rejection=rejection).repair(net, given, Stages(), 0)).threshold
        for rejection in (0.01, 0.3)
    )
    assert many < few


def test_too_few_images() -> None:
    net = BadNet("net", "0" * 64, network())
    given = Clean(people()[:63], PEOPLE[:63], "synthetic", None)
    with pytest.raises(GoodNetsError, match="63 clean images, expected at least 64"):
        next(Strip().repair(net, given, Stages(), 0))
