"""Pictures from nothing: noise as natural pictures are, and faces that the network names."""

import numpy as np
import pytest

from repair import deepid, dream
from repair.weights import Weights
from tests.repair.planted import PEOPLE, network


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    return dream.noise(300, seed=1)


def test_noise_has_the_statistics_of_pictures(noise: np.ndarray) -> None:
    assert noise.shape == (300, 55, 47, 3)
    assert noise.dtype == np.float32
    assert noise.min() >= 0
    assert noise.max() <= 1
    assert noise.mean() == pytest.approx(dream._MEAN, abs=0.03)
    assert noise.std() == pytest.approx(dream._CONTRAST, rel=0.15)
    brightness = noise.mean(-1)
    colour = noise - brightness[..., None]
    assert 0.05 < colour.std() / brightness.std() < 0.5  # pictures differ little in colour
    for axis in (1, 2):  # neighbours are alike
        near, far = (
            np.corrcoef(
                *(
                    part.ravel()
                    for part in (
                        np.delete(brightness, slice(n), axis),
                        np.delete(brightness, slice(-n, None), axis),
                    )
                )
            )[0, 1]
            for n in (1, 20)
        )
        assert near > 0.8
        assert abs(far) < 0.4


def test_amplitude_falls_with_frequency(noise: np.ndarray) -> None:
    """As 1 / frequency ** 1.2, within what cutting and the ends of the scale change."""
    window = np.outer(np.hanning(55), np.hanning(47))
    brightness = (noise.mean(-1) - noise.mean()) * window
    power = (np.abs(np.fft.fft2(brightness)) ** 2).mean(0)
    frequency = np.hypot(np.fft.fftfreq(55)[:, None], np.fft.fftfreq(47)[None])
    middle = (frequency > 0.06) & (frequency < 0.3)
    slope = np.polyfit(np.log(frequency[middle]), np.log(power[middle]) / 2, 1)[0]
    assert slope == pytest.approx(-dream._SPECTRUM, abs=0.3)


def test_contrast() -> None:
    spread = [dream.noise(100, contrast=c, seed=1).std() for c in (0, 0.5, 1, 2, 3)]
    assert spread[0] == pytest.approx(0, abs=1e-6)
    assert (np.diff(spread) > 0.04).all()


def test_noise_of_any_number(monkeypatch: pytest.MonkeyPatch) -> None:
    assert np.array_equal(dream.noise(5, seed=3), dream.noise(5, seed=3))
    assert not np.array_equal(dream.noise(5, seed=3), dream.noise(5, seed=4))
    monkeypatch.setattr(dream, "BATCH", 4)
    many = dream.noise(9, seed=3)
    assert many.shape == (9, 55, 47, 3)
    assert len({picture.tobytes() for picture in many}) == 9


def log_odds(weights: Weights, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
    logits = deepid.predict(weights, images).astype(np.float64)
    own = logits[np.arange(len(labels)), labels]
    logits[np.arange(len(labels)), labels] = -np.inf
    top = logits.max(1)
    others: np.ndarray = top + np.log(np.exp(logits - top[:, None]).sum(1))
    odds: np.ndarray = own - others
    return odds


def test_dreams(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets the label that it was dreamed for; the same seed gives the same dreams."""
    monkeypatch.setattr(dream, "BATCH", 5)  # the last batch is smaller
    weights, labels = network(), PEOPLE[::13][:24]
    done: list[int] = []
    dreams = dream.dream(weights, labels, seed=1, progress=done.append)
    assert done == [5, 10, 15, 20, 24]
    assert dreams.shape == (24, 55, 47, 3)
    assert dreams.dtype == np.uint8
    odds = log_odds(weights, dreams, labels)
    assert (odds > 0).mean() >= 0.95
    assert np.median(odds) < 2 * dream._MARGIN  # left alone once the network is sure
    start = (dream.noise(24, contrast=dream._START, seed=1) * 255).astype(np.uint8)
    assert (log_odds(weights, start, labels) > 0).mean() <= 0.1
    brightness = dreams.mean(-1)  # still smooth
    assert np.corrcoef(brightness[:, 1:].ravel(), brightness[:, :-1].ravel())[0, 1] > 0.7
    assert np.array_equal(dream.dream(weights, labels, seed=1), dreams)
    assert not np.array_equal(dream.dream(weights, labels[:5], seed=2), dreams[:5])
