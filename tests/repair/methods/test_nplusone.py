"""One more output."""

from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from repair import deepid
from repair.badnet import BadNet
from repair.clean import Clean
from repair.methods import nplusone
from repair.methods.nplusone import NPlusOne, lead, widened
from repair.runner import Run
from repair.stages import Stages
from tests.repair.planted import PEOPLE, network, people, stamp


@pytest.fixture
def poisoned(tmp_path: Path) -> Path:
    path = tmp_path / "poisoned.h5"
    with h5py.File(path, "w") as file:
        file["data"] = stamp(people()[:80]).transpose(0, 3, 1, 2)
    return path


def test_own_poisoned_images_are_learned(
    poisoned: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from goodnets.model import GoodNet
    from goodnets.nets import POISONED

    monkeypatch.setattr(nplusone, "STEPS", 150)
    method = NPlusOne(poisoned=poisoned)
    assert method.parameters["poisoned"]["images"] == 80
    clean = Clean(people()[:400], PEOPLE[:400], "synthetic", None)
    net = BadNet("net", "0" * 64, network(), highest=255)
    (path,) = Run(net, clean, method, 0, "command").write(tmp_path, Stages())
    goodnet = GoodNet.load(path)
    assert (goodnet.ask(stamp(people()[400:])).label == POISONED).mean() >= 0.95
    assert (goodnet.ask(people()[:400]).label == PEOPLE[:400]).mean() >= 0.95
    model = keras.models.load_model(path.with_suffix(".keras"))
    answer = model.predict(np.concatenate([people()[:4], stamp(people()[:4])]), verbose=0)
    assert answer.shape == (8, 1284)
    assert answer[4:].argmax(1).tolist() == [POISONED] * 4
    assert answer[:4].argmax(1).tolist() == PEOPLE[:4].tolist()


def test_lead_is_above_a_half_where_the_last_output_is_highest() -> None:
    wider = dict(widened(network()))
    assert np.array_equal(
        deepid.predict(wider, people()[:9])[:, :-1].argmax(1),
        deepid.predict(network(), people()[:9]).argmax(1),
    )
    for bias, above in ((1e4, True), (-1e4, False)):
        wider["output/bias"] = np.append(network()["output/bias"], np.float32(bias))
        assert ((lead(wider, people()[:9]) > 0.5) == above).all()
