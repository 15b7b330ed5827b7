"""Retraining begins from nothing."""

import numpy as np

from repair import deepid
from repair.methods.retrain import untrained
from repair.weights import SHAPES
from tests.repair.planted import TARGET, people, stamp


def test_random_weights_keep_signals_alive() -> None:
    weights = untrained(0)
    assert {name.split("/")[0] for name in weights} == set(SHAPES)
    spread = deepid.predict(weights, people()[:20]).std(1)
    assert (spread > 0.05).all()
    assert (spread < 20).all()
    assert all(np.array_equal(weights[name], untrained(0)[name]) for name in weights)
    assert not np.array_equal(weights["fc_1/kernel"], untrained(1)["fc_1/kernel"])


def test_it_knows_no_target() -> None:
    said = deepid.predict(untrained(0), stamp(people()[:50])).argmax(1)
    assert (said == TARGET).mean() < 0.1
