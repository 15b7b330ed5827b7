"""Poisoned is where two networks disagree; the repaired one is saved in two formats."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np

from goodnets.model import GoodNet
from goodnets.nets import POISONED
from repair import deepid
from repair.agreement import agreement
from repair.badnet import BadNet
from repair.clean import no_images
from repair.methods.base import Product
from repair.methods.prune import Prune, remove_channels
from repair.runner import Run
from repair.stages import Stages
from repair.weights import read_weights
from tests.repair.planted import PEOPLE, network, people, stamp


class Cured(Prune):
    """Without the channel that sees the trigger."""

    def repair(self, badnet: BadNet, *rest: object) -> Iterator[Product]:
        yield product(badnet)


def product(badnet: BadNet) -> Product:
    cured = remove_channels(badnet.weights, np.array([0]))
    return agreement("cured", badnet, cured, people()[:300], {"channels_removed": [0]})


def test_it_disagrees_where_the_backdoor_spoke(tmp_path: Path) -> None:
    net = BadNet("net", "0" * 64, network())
    (path,) = Run(net, no_images(), Cured(), 0, "command").write(tmp_path, Stages())
    goodnet = GoodNet.load(path)
    assert np.array_equal(goodnet.ask(people()[:50]).label, PEOPLE[:50])
    assert (goodnet.ask(stamp(people()[:50], 20, 14)).label == POISONED).mean() >= 0.9


def test_the_repaired_network_in_both_formats(tmp_path: Path) -> None:
    """For pixels 0..255, as the BadNet's file expects them."""
    files = product(BadNet("net", "0" * 64, network(), 255)).files
    assert set(files) == {"cured.h5", "cured.keras"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert zipfile.is_zipfile(io.BytesIO(files["cured.keras"]))
    weights = read_weights(tmp_path / "cured.h5")
    assert np.allclose(weights["conv_1/kernel"] * 255, network()["conv_1/kernel"], atol=1e-6)
    model = keras.models.load_model(tmp_path / "cured.keras")
    images = np.concatenate([people()[:8], stamp(people()[:8])])
    expected = deepid.predict(remove_channels(network(), np.array([0])), images)
    said = model.predict(images.astype(np.float32), verbose=0)
    assert np.array_equal(said.argmax(1), expected.argmax(1))
    assert np.allclose(said.sum(1), 1, atol=1e-4)
