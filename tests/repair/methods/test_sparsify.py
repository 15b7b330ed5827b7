"""Cutting the smallest weights."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodnets.errors import GoodNetsError
from repair.badnet import BadNet
from repair.clean import Clean
from repair.methods import sparsify
from repair.methods.sparsify import Sparsify, schedule, without_smallest
from repair.stages import Stages
from repair.weights import read_weights
from tests.repair.planted import PEOPLE, network, people


def test_schedule() -> None:
    shares = [schedule(done) for done in (0, 0.25, 0.5, 0.75, 1, 1.3)]
    assert shares[0] == 0
    assert shares[-2:] == [1, 1]
    assert (np.diff(shares[:5]) > 0).all()
    assert (np.diff(shares[:5], 2) < 0).all()  # fast at first


@given(seed=st.integers(0, 99), share=st.floats(0, 1))
def test_the_smallest_go(seed: int, share: float) -> None:
    kernel = np.random.default_rng(seed).normal(0, 1, (5, 4, 3)).astype(np.float32)
    cut = without_smallest(kernel, share)
    gone = cut == 0
    assert gone.sum() == round(share * 60)
    assert np.array_equal(cut[~gone], kernel[~gone])
    if gone.any() and not gone.all():
        assert np.abs(kernel[gone]).max() <= np.abs(kernel[~gone]).min()


def test_the_network_is_as_sparse_as_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparsify, "STEPS", 4)
    net = BadNet("net", "0" * 64, network())
    clean = Clean(people()[:80], PEOPLE[:80], "synthetic", None)
    product = next(Sparsify(sparsity=0.6).repair(net, clean, Stages(), 0))
    (tmp_path / "net.h5").write_bytes(product.files["net-sparsify.h5"])
    for name, array in read_weights(tmp_path / "net.h5").items():
        if name.endswith("kernel"):
            assert (array == 0).mean() >= 0.6 - 1e-3, name


@pytest.mark.parametrize("sparsity", [0, 1, -1, float("nan")])
def test_sparsities_out_of_range(sparsity: float) -> None:
    with pytest.raises(GoodNetsError, match="expected above 0, below 1"):
        Sparsify(sparsity=sparsity)
