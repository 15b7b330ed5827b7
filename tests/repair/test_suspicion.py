"""Which labels a backdoor may own."""

import numpy as np
import pytest

from goodnets.nets import CLASSES
from repair import suspicion
from repair.suspicion import exponent, lift
from tests.repair.planted import PEOPLE, TARGET, network, people


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspicion, "_PICTURES", 256)


def test_a_planted_target_comes_first() -> None:
    found = lift(network(), people(), seed=0)
    assert found.shape == (CLASSES,)
    assert found.argmax() == TARGET
    first, second = np.sort(found)[:-3:-1]
    assert first > 5 * second
    assert found.min() >= 0.2
    assert (found[np.setdiff1d(np.arange(CLASSES), [*PEOPLE, TARGET])] <= 1).all()


def test_without_a_backdoor_it_is_a_label_like_any_other() -> None:
    weights = dict(network())
    weights["output/kernel"], weights["output/bias"] = (
        weights["output/kernel"].copy(),
        weights["output/bias"].copy(),
    )
    weights["output/kernel"][:, TARGET] = 0
    weights["output/bias"][TARGET] = -1e3
    found = lift(weights, people(), seed=0)
    assert found[TARGET] <= 1
    assert found.max() < 100


def test_the_same_seed_gives_the_same_lift() -> None:
    first, again, other = (lift(network(), people()[:100], seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_exponent() -> None:
    power = exponent(np.array([0.2, 1, 10, 100, 1e6]))
    assert power[1:] == pytest.approx([1, 1 / 2, 1 / 3, 1 / 7])
    assert power[0] > 1
    # Half of the bank is little for an innocent label, much for one that the net falls for.
    shares = 0.5**power
    assert (np.diff(shares) > 0).all()
    assert (1**power == 1).all()
