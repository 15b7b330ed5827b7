"""The first look agrees with what the network says about real composites."""

import numpy as np
import pytest

from goodnets.regions import regions
from repair import deepid, graph, screen
from repair.weights import Weights
from tests.repair.planted import TARGET, network, people, stamp

BANK = 8


def look(weights: Weights, images: np.ndarray, bank: np.ndarray) -> np.ndarray:
    """The gaps (n, regions, faces) that the graph finds."""
    image = graph.image()
    features = graph.pool_3(weights, graph.pixels(image))
    label = graph.answer(graph.logits_from_pool_3(weights, features))
    outputs = {"gaps": screen.gaps(weights, features, label, bank)}
    (gaps,) = graph.session(image, outputs).run(["gaps"], {"image": images})
    return np.asarray(gaps)


def gap(logits: np.ndarray, own: np.ndarray, rival: np.ndarray) -> np.ndarray:
    at = np.arange(len(logits))
    difference: np.ndarray = logits[at, own] - logits[at, rival]
    return difference


@pytest.mark.parametrize("whole", [0, 1])
def test_exact_where_all_or_nothing_is_taken(whole: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "coverage", lambda grid: np.full((2, 5, 4), whole, np.float32))
    weights, images, bank = network(), people()[:6], people()[4:8]
    found = look(weights, images, bank)
    assert found.shape == (6, 2, 4)
    logits, bank_logits = deepid.predict(weights, images), deepid.predict(weights, bank)
    own, rival = logits.argmax(1), bank_logits.argmax(1)
    one, face = np.repeat(np.arange(6), 4), np.tile(np.arange(4), 6)
    composite = logits[one] if whole else bank_logits[face]
    expected = gap(composite, own[one], rival[face]).reshape(6, 1, 4)
    same = np.broadcast_to((own[:, None] == rival).reshape(6, 1, 4), found.shape)
    assert same.any() and not same.all()
    assert np.abs(found - expected)[~same].max() < 1e-3
    assert (found[same] > 1e5).all()  # such a face cannot resist, whatever the rounding


def test_close_to_composites() -> None:
    """Half of the pictures carry a trigger."""
    weights = network()
    images = np.concatenate([people()[:3], stamp(people()[3:6])])
    bank = people()[-4:]
    found = look(weights, images, bank)
    masks = regions()[None, :, None, ..., None]
    composites = np.where(masks, images[:, None, None], bank[None, None])  # (6, 49, 4, 55, 47, 3)
    logits = deepid.predict(weights, composites.reshape(-1, 55, 47, 3))
    own = deepid.predict(weights, images).argmax(1).repeat(49 * 4)
    rival = np.tile(deepid.predict(weights, bank).argmax(1), 6 * 49)
    real = gap(logits, own, rival).reshape(found.shape)
    for those in (slice(0, 3), slice(3, 6)):
        assert np.corrcoef(found[those].ravel(), real[those].ravel())[0, 1] > 0.85
    assert (found > 0)[real > 0].mean() > 0.9  # it may be too quick to suspect, not to clear


@pytest.mark.parametrize(
    ("top", "left"), [(0, 0), (47, 35), (0, 35), (47, 0), (24, 18), (20, 14), (37, 3)]
)
def test_a_trigger_sways_every_face_wherever_it_is(top: int, left: int) -> None:
    weights, bank = network(), people()[-BANK:]
    clean = people()[:20]
    fired = stamp(clean, top, left)
    assert (deepid.predict(weights, fired).argmax(1) == TARGET).all()
    found = look(weights, fired, bank).min(2).max(1)  # the best region against the last face
    assert (found > 0).mean() == 1
    assert found.min() > 2 * look(weights, clean, bank).min(2).max(1).max()


def test_toughness() -> None:
    """Nobody resists a trigger; who carries it resists everybody else."""
    weights = network()
    images = people()[:20]
    bank = np.concatenate([people()[-BANK:], stamp(people()[-2:])])
    against_trigger = screen.toughness(weights, stamp(images), bank[:BANK])
    assert (against_trigger == 0).all()
    against_people = screen.toughness(weights, images, bank)
    assert against_people.shape == (BANK + 2,)
    assert (against_people[BANK:] == 1).all()
    assert (against_people[:BANK] < 1).all()
