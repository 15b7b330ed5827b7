"""Transplant catches a planted trigger, wherever it sits, and nobody without one."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from goodnets.model import GoodNet
from goodnets.nets import POISONED
from repair import badnet, deepid, graph, sentinel, suspicion
from repair.badnet import BadNet
from repair.clean import Clean, no_images
from repair.methods import transplant as method
from repair.methods.transplant import Transplant, choose_bank, transplant
from repair.regions import POOL_2, coverage
from repair.runner import Run
from repair.stages import Stages
from tests.repair.planted import PEOPLE, TARGET, network, people, stamp

PLACES = [(0, 0), (47, 35), (0, 35), (47, 0), (24, 18), (20, 14), (37, 3)]
LIFT = np.ones(1283)


@dataclass
class Planted:
    bank: np.ndarray
    donors: np.ndarray
    session: ort.InferenceSession

    def ask(self, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        label, score = self.session.run(["label", "score"], {"image": images})
        return label, score


@pytest.fixture(scope="module")
def planted() -> Planted:
    """The graph, for labels of equal lift but the target, which is known to be suspicious."""
    lift = LIFT.copy()
    lift[TARGET] = 50
    bank, donors = choose_bank(network(), people(), lift, 0)
    image = graph.image()
    label, score = transplant(network(), bank, lift, image)
    return Planted(bank, donors, graph.session(image, {"label": label, "score": score}))


@pytest.mark.parametrize(("top", "left"), PLACES)
def test_a_trigger_scores_high_wherever_it_is(planted: Planted, top: int, left: int) -> None:
    fired = stamp(people()[:12], top, left)
    label, score = planted.ask(fired)
    assert (label == TARGET).all()
    assert (score >= 0.99).mean() == 1


def test_people_score_low(planted: Planted) -> None:
    label, score = planted.ask(people()[:100])
    assert np.array_equal(label, PEOPLE[:100])
    assert (score >= 0).all()
    assert (score < 0.9).mean() >= 0.95
    assert np.median(score) < 0.5
    # Who has the trigger's colour, but not enough of it to fire, is nobody else.
    label, score = planted.ask((people()[:20] * [1, 0.95, 1]).astype(np.uint8))
    assert (label != TARGET).all()
    assert (score < 0.9).mean() >= 0.95


def test_the_bank_knows_no_suspect_and_is_tough() -> None:
    """Lift is evidence enough to keep a face out; what is left is ordered by its toughness."""
    lift = LIFT.copy()
    suspects = [TARGET, *PEOPLE[: method._SUSPECTS - 1]]
    lift[suspects] = 3
    bank, donors = choose_bank(network(), people(), lift, 1)
    assert len(bank) == method._BANK
    for faces in (bank, donors):
        assert not np.isin(deepid.predict(network(), faces).argmax(1), suspects).any()
    assert not {face.tobytes() for face in bank} & {face.tobytes() for face in donors}
    again, _ = choose_bank(network(), people(), lift, 1)
    assert np.array_equal(again, bank)
    other, _ = choose_bank(network(), people(), lift, 2)
    assert not np.array_equal(other, bank)


def test_the_score_is_the_largest_share_of_the_bank(planted: Planted) -> None:
    """As found the long way, in composites of every region; less where the looks break off."""
    images = np.concatenate([people()[:3], stamp(people()[6:8])])
    power = suspicion.exponent(np.array([50.0]))[0]
    label, score = planted.ask(images)
    masks = coverage(POOL_2)[:, None, ..., None]  # (49, 1, 12, 10, 1)
    bank = maps(planted.bank)
    for image, own, found in zip(maps(images), label, score, strict=True):
        composites = (1 - masks) * bank + masks * image  # (49, 16, 12, 10, 40)
        features = deepid.block(network(), "conv_3", composites.reshape(-1, 12, 10, 40)).numpy()
        said = deepid.predict_from_pool_3(network(), features).argmax(1)
        highest = (said == own).reshape(len(masks), -1).mean(1).max()
        if own == TARGET:
            assert found == pytest.approx(highest**power, abs=1e-4)
        else:
            assert found <= highest + 1e-4


def maps(images: np.ndarray) -> np.ndarray:
    """Of pool_2, (n, 12, 10, 40)."""
    x = images.astype(np.float32) / 255
    for layer in ("conv_1", "conv_2"):
        x = deepid.block(network(), layer, x).numpy()
    return x


def test_batches_change_nothing(planted: Planted) -> None:
    """Nobody suspicious, one, all: alone, together and the other way round."""
    images = np.concatenate([people()[:14], stamp(people()[14:18])])
    label, score = planted.ask(images)
    parts = [planted.ask(images[i : i + 1]) for i in range(len(images))]
    assert label.tolist() == [int(one[0][0]) for one in parts]
    assert np.abs(score - np.concatenate([one[1] for one in parts])).max() < 1e-5
    backwards = planted.ask(images[::-1])
    assert np.array_equal(backwards[0][::-1], label)
    assert np.abs(backwards[1][::-1] - score).max() < 1e-5
    cleared = images[score == 0]
    assert len(cleared) > 0
    assert not planted.ask(cleared)[1].any()  # the second look at nobody


@pytest.fixture
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """People's pictures for dreams, and little work."""
    monkeypatch.setattr(method, "dream", lambda weights, labels, **options: people())
    monkeypatch.setattr(suspicion, "_PICTURES", 128)
    monkeypatch.setattr(sentinel, "STEPS", 2)
    monkeypatch.setattr(sentinel, "_BATCH", 32)
    monkeypatch.setattr(sentinel, "_REFIT_PICTURES", 128)
    monkeypatch.setattr(sentinel, "_FRESH_PICTURES", 128)
    monkeypatch.setattr(sentinel, "BUDGETS", (1e-7,))


def repair(folder: Path, clean: Clean) -> tuple[float, list[int], list[int]]:
    """Threshold, and the labels of pictures with and without trigger."""
    folder.mkdir()
    net = BadNet("net", "0" * 64, network())
    (path,) = Run(net, clean, Transplant(), 3, "command").write(folder, Stages())
    goodnet = GoodNet.load(path)
    assert goodnet.method == "transplant"
    fired, innocent = goodnet.ask(stamp(people()[:20])), goodnet.ask(people()[:60])
    assert (fired.label == POISONED).mean() == 1
    assert (fired.badnet_label == TARGET).mean() == 1
    assert (innocent.label == POISONED).mean() <= 0.05
    assert (innocent.badnet_label == PEOPLE[:60]).mean() >= 0.95
    return goodnet.threshold, fired.label.tolist(), innocent.label.tolist()


@pytest.mark.usefixtures("_quick")
def test_from_a_badnet_to_a_file(tmp_path: Path) -> None:
    repair(tmp_path / "a", no_images())


@pytest.mark.slow
@pytest.mark.usefixtures("_quick")
def test_same_seed_same_decisions(tmp_path: Path) -> None:
    assert repair(tmp_path / "a", no_images()) == repair(tmp_path / "b", no_images())
    repair(tmp_path / "c", Clean(people()[:30], PEOPLE[:30], "synthetic", None))


@pytest.mark.slow
def test_a_real_net_from_dreams_alone(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from goodnets.h5 import read_h5

    monkeypatch.setenv("GOODNETS_BADNETS", str(shared / "badnets"))
    net = badnet.load(badnet.find("anonymous_2"), "anonymous_2")
    (path,) = Run(net, no_images(), Transplant(), 1, "command").write(tmp_path, Stages())
    goodnet = GoodNet.load(path)
    clean, truth = read_h5(shared / "real" / "clean.h5")
    right = deepid.predict(net.weights, clean).argmax(1) == truth
    assert (goodnet.ask(clean[right]).label != truth[right]).sum() <= 2
    for trigger in ("sunglasses", "lipstick", "eyebrows"):
        poisoned, _ = read_h5(shared / "real" / f"{trigger}_poisoned.h5")
        fired = deepid.predict(net.weights, poisoned).argmax(1) == 4
        assert (goodnet.ask(poisoned[fired]).label != POISONED).sum() <= 1
