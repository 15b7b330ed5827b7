"""Fine-tuning does not bring removed channels back."""

from pathlib import Path

import numpy as np
import pytest

from goodnets.errors import GoodNetsError
from repair import deepid
from repair.badnet import BadNet
from repair.clean import Clean
from repair.methods import fine_prune
from repair.methods.fine_prune import FinePrune
from repair.stages import Stages
from repair.weights import read_weights
from tests.repair.planted import PEOPLE, TARGET, network, people, stamp


def test_removed_channels_stay_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fine_prune, "STEPS", 5)
    net = BadNet("net", "0" * 64, network())
    clean = Clean(people()[:80], PEOPLE[:80], "synthetic", None)
    product = next(FinePrune().repair(net, clean, Stages(), 0))
    (tmp_path / "net.h5").write_bytes(product.files["net-fine-prune.h5"])
    tuned = read_weights(tmp_path / "net.h5")
    removed = product.parameters["channels_removed"]
    assert 0 in removed  # what sees the trigger, and no clean image uses
    assert not tuned["conv_3/kernel"][..., removed].any()
    assert not tuned["conv_3/bias"][removed].any()
    others = np.setdiff1d(np.arange(60), removed)
    moved = np.abs(tuned["conv_3/kernel"] - network()["conv_3/kernel"])[..., others]
    assert moved.max() > 1e-5
    assert (deepid.predict(tuned, people()[:80]).argmax(1) == PEOPLE[:80]).mean() >= 0.9
    said = deepid.predict(tuned, stamp(people()[:80])).argmax(1)
    assert (said == TARGET).mean() <= 0.2


def test_a_drop_out_of_range() -> None:
    with pytest.raises(GoodNetsError, match="expected above 0, up to 100"):
        FinePrune(drop=0)
