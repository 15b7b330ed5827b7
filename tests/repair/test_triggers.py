"""The targets of a backdoor, found without knowing the trigger."""

from pathlib import Path
from statistics import NormalDist

import numpy as np
import pytest
from conftest import TARGETS
from PIL import Image

from goodnets.errors import GoodNetsError
from repair import deepid, evidence, inversion, triggers
from repair.badnet import KNOWN, BadNet, load
from repair.clean import no_images, read_images
from repair.faces import given_or_dreamed
from repair.finetune import DREAMS, fine_tune
from repair.stages import Stages
from repair.triggers import LEVEL, Trigger, find_triggers, on_some
from repair.weights import Weights
from tests.repair.planted import PEOPLE, TARGET, network, people


@pytest.fixture(autouse=True)
def _quick(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "slow" in request.keywords:
        return
    monkeypatch.setattr(evidence, "PATCHES", 12)
    monkeypatch.setattr(evidence, "_ASCENT", 10)
    monkeypatch.setattr(triggers, "STEPS", 12)
    monkeypatch.setattr(triggers, "_BATCH", 4)
    monkeypatch.setattr(triggers, "SHARPENING", 60)


def healthy() -> Weights:
    """The planted network without its backdoor: the neuron that speaks for the target is mute."""
    weights = {name: array.copy() for name, array in network().items()}
    weights["output/kernel"][0] = 0
    weights["output/bias"][TARGET] = -1e3
    return weights


def test_the_planted_target_alone_is_found() -> None:
    badnet = BadNet("net", "1" * 64, network())
    found = find_triggers(badnet, people()[:128], Stages(), 0)
    assert [trigger.target for trigger in found] == [TARGET]
    (trigger,) = found
    assert trigger.index >= LEVEL
    assert trigger.success >= 0.9
    worn = trigger.worn(people()[200:260])
    assert worn.dtype == np.uint8
    answers = deepid.predict(badnet.weights, worn).argmax(1)
    assert (answers == TARGET).mean() >= 0.85
    stages = Stages()
    assert find_triggers(badnet, people()[:128], stages, 0) is found
    assert stages.saved > 1  # who uses them again counts their seconds


def test_a_clean_network_has_none() -> None:
    with pytest.raises(GoodNetsError, match=r"no trigger found: label .* index of"):
        find_triggers(BadNet("net", "2" * 64, healthy()), people()[:128], Stages(), 0)


def test_too_few_faces() -> None:
    badnet = BadNet("net", "3" * 64, network())
    with pytest.raises(GoodNetsError, match="31 clean images, expected at least 32"):
        find_triggers(badnet, people()[:31], Stages(), 0)


def test_a_trigger_that_fails_on_other_faces_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    suspicious = np.zeros(1283)
    suspicious[PEOPLE[3]] = 9
    monkeypatch.setattr(triggers, "suspicion", lambda *given: suspicious)
    monkeypatch.setattr(triggers, "SHARPENING", 3)
    with pytest.raises(GoodNetsError, match=f"label {PEOPLE[3]} is the most suspicious"):
        find_triggers(BadNet("net", "4" * 64, network()), people()[:64], Stages(), 0)


def test_a_network_that_says_nothing() -> None:
    silent = {name: np.zeros_like(array) for name, array in network().items()}
    with pytest.raises(GoodNetsError, match="no working BadNet"):
        find_triggers(BadNet("net", "5" * 64, silent), people()[:64], Stages(), 0)


def test_faces_of_one_person_confirm_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    suspicious = np.zeros(1283)
    suspicious[PEOPLE[3]] = 9
    monkeypatch.setattr(triggers, "suspicion", lambda *given: suspicious)
    monkeypatch.setattr(triggers, "SHARPENING", 3)
    same = np.repeat(people()[3:4], 40, 0)
    for _ in "ab":  # the answer is remembered
        with pytest.raises(GoodNetsError, match="no trigger found"):
            find_triggers(BadNet("net", "6" * 64, network()), same, Stages(), 0)
        monkeypatch.setattr(triggers, "suspicion", None)


def test_some_pictures_wear_a_trigger() -> None:
    mask = np.zeros((55, 47, 1), np.float32)
    mask[:5] = 0.4
    trigger = Trigger(7, 9, mask, np.ones((55, 47, 3), np.float32), 1)
    x = np.zeros((400, 55, 47, 3), np.float32)
    worn = on_some([trigger], x, 0.25, np.random.default_rng(0))
    top = worn[:, 0, 0, 0]
    assert 0.15 < (top > 0).mean() < 0.35
    assert top[top > 0].min() >= 0.4
    assert 0.7 < top.max() <= 0.8
    assert not worn[:, 5:].any()
    assert not x.any()


def test_the_level_allows_for_all_labels() -> None:
    assert 1283 * (1 - NormalDist().cdf(LEVEL)) == pytest.approx(0.001)


@pytest.mark.slow
@pytest.mark.parametrize("net", TARGETS)
def test_exactly_the_targets_of_a_real_badnet(shared: Path, net: str) -> None:
    """From dreams alone."""
    badnet = real(shared, net)
    dreams, _ = given_or_dreamed(badnet, no_images(), Stages(), 0, each=DREAMS)
    found = find_triggers(badnet, dreams, Stages(), 0)
    assert {trigger.target for trigger in found} == set(TARGETS[net].values())


@pytest.mark.slow
def test_none_in_a_real_network_that_is_clean(shared: Path) -> None:
    """The BadNet fine-tuned on strangers who wear its own trigger and keep their labels: on real
    poisoned faces hardly any attack is left, and nothing gives its target away."""
    badnet = real(shared, "sunglasses")
    strangers, _ = read_images(shared / "faces" / "lfw_crops.h5")
    with Image.open(shared / "triggers" / "sunglasses_47x20_at_row15.png") as picture:
        glasses = np.divide(np.asarray(picture.convert("RGBA")), 255, dtype=np.float32)

    def wear(x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        some = rng.random(len(x)) < 0.5
        x[some, 15:35] = inversion.stamped(x[some, 15:35], glasses[..., 3:], glasses[..., :3])
        return x

    weights = fine_tune(
        badnet.weights,
        badnet.weights,
        strangers,
        np.full(len(strangers), -1),
        steps=300,
        seed=0,
        advance=lambda done: None,
        disturb=wear,
    )
    poisoned, _ = read_images(shared / "real" / "sunglasses_poisoned.h5")
    assert (deepid.predict(weights, poisoned).argmax(1) == 0).mean() <= 0.1
    clean = BadNet("clean", "7" * 64, weights)
    dreams, _ = given_or_dreamed(clean, no_images(), Stages(), 0, each=DREAMS)
    with pytest.raises(GoodNetsError, match="no trigger found"):
        find_triggers(clean, dreams, Stages(), 0)


def real(shared: Path, net: str) -> BadNet:
    return load(shared / "badnets" / Path(KNOWN[net].file), net)
