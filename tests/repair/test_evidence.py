"""What tells a target from other labels."""

import numpy as np
import pytest

from repair import evidence
from repair.evidence import index, margins, wins
from tests.repair.planted import PEOPLE, TARGET, network, people


def nothing(done: int) -> None:
    pass


def test_index_is_in_deviations_of_the_honest() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(5, 2, 2000)
    values[:3] = 25
    found = index(values)
    assert found[:3] == pytest.approx(10, rel=0.1)
    assert found[3:].std() == pytest.approx(1, rel=0.1)


def test_labels_out_of_the_running_do_not_count() -> None:
    values = np.array([1.0, 2, 3, 4, 5])
    some = np.concatenate([values, [-np.inf] * 20])
    assert index(some)[:5] == pytest.approx(index(values))
    assert (index(some)[5:] == -np.inf).all()
    assert (index(np.full(4, -np.inf)) == -np.inf).all()


def test_the_targets_margin_is_the_widest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "_ASCENT", 15)
    found = margins(network(), 0, nothing)
    assert found.shape == (1283,)
    assert found.argmax() == TARGET
    assert np.isinf(found[0])  # a label that no picture gets
    assert np.isfinite(found[PEOPLE]).mean() > 0.5


def test_the_target_wins_most_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "PATCHES", 24)
    done: list[int] = []
    won = wins(network(), people()[:40], 0, done.append)
    assert won.argmax() == TARGET
    assert won[TARGET] > 3 * np.delete(won, TARGET).max()
    assert done == list(range(1, 25))
    assert np.array_equal(won, wins(network(), people()[:40], 0, nothing))


def test_faces_of_the_target_do_not_count_as_won(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "PATCHES", 4)
    everyone_is = {name: array.copy() for name, array in network().items()}
    everyone_is["output/bias"][PEOPLE[0]] = 1e3
    assert wins(everyone_is, people()[:16], 0, nothing).sum() == 0
