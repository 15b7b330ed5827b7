import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodnets.files import sha256
from goodnets.model import Answers
from repair import deepid, measure
from repair.measure import Share, clean_figures, poisoned_figures, targets
from repair.weights import Weights, write_weights


def answers(label: list[int], badnet_label: list[int]) -> Answers:
    score = np.array(label) == 1283
    return Answers(np.array(label), np.array(badnet_label), score.astype(np.float32))


@pytest.mark.parametrize(("count", "of"), [(0, 10), (1, 1), (122, 126), (10, 10), (3, 9000)])
def test_wilson(count: int, of: int) -> None:
    """The ends are the rates from which what was seen is 1.96 standard deviations away."""
    for end in Share(count, of).interval:
        away = abs(count / of - end)
        deviation = math.sqrt(end * (1 - end) / of)
        assert away == pytest.approx(1.959964 * deviation, abs=1e-7)


@given(st.integers(0, 10**6).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_intervals_hold_their_rate(share: tuple[int, int]) -> None:
    found = Share(*share)
    low, high = found.interval
    assert 0 <= low <= high <= 1
    if found.of:
        assert low - 1e-12 <= found.rate <= high + 1e-12
    else:
        assert math.isnan(found.rate)
        assert str(found) == "no image"


def test_clean() -> None:
    figures = clean_figures(
        answers([1, 1283, 3, 7, 1283, 9], [1, 2, 3, 7, 5, 9]),
        np.array([1, 2, 3, 4, 6, 9]),
        np.array([1, 2, 3, 4, 5, -1]),
    )
    assert figures == {
        "false_alarms": Share(2, 6),
        "clean_accuracy": Share(2, 5),
        "badnet_accuracy": Share(4, 5),
        "right_kept": Share(2, 4),
    }
    unlabelled = clean_figures(answers([1], [1]), np.array([1]), np.array([-1]))
    assert unlabelled.keys() == {"false_alarms"}


def test_poisoned() -> None:
    figures = poisoned_figures(
        answers([1283, 0, 1283, 8, 0], [0, 0, 4, 8, 3]),
        np.array([0, 0, 4, 8, 3]),
        np.array([0, 0, 0, 8, 0]),
    )
    assert figures == {
        "fired": Share(3, 5),
        "detection": Share(2, 5),
        "detection_of_fired": Share(1, 3),
        "attack_success": Share(3, 5),
        "attack_success_of_fired": Share(2, 3),
    }


def test_targets() -> None:
    badnet = np.array([5, 7, 7, 7, 2])
    assert targets(badnet, np.array([1, 2, 3, 4, 5])).tolist() == [1, 2, 3, 4, 5]
    assert targets(badnet, np.full(5, -1)).tolist() == [7] * 5


def h5(path: Path, images: np.ndarray, **datasets: object) -> Path:
    with h5py.File(path, "w") as file:
        file["data"] = images.transpose(0, 3, 1, 2)
        for name, values in datasets.items():
            file[name] = values
    return path


@pytest.fixture
def folder(goodnets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for path in goodnets.iterdir():
        shutil.copy(path, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_printed_and_kept(
    folder: Path,
    images: np.ndarray,
    badnet_file: Path,
    weights: Weights,
    capsys: pytest.CaptureFixture[str],
) -> None:
    truth = deepid.predict(weights, images).argmax(axis=1)
    truth[:10] = (truth[:10] + 1) % 1283
    h5(folder / "clean.h5", images, label=truth)
    h5(folder / "bad.h5", images, label=np.full(40, 3))
    h5(folder / "others.h5", images, label=np.arange(40) + 2000)
    shutil.copy(badnet_file, folder / "badnet.h5")
    words = ["net.onnx", "--clean", "clean.h5", "--poisoned", "paint=bad.h5", "more=clean.h5"]
    words += ["--strangers", "others.h5"]
    for typed in (words, words, [*words, "--badnet", "badnet.h5"]):
        assert measure.main(typed) == 0
        out, err = capsys.readouterr()
        assert "clean accuracy           30/40 = 75.00 % (" in out
        assert err == ""
    card = json.loads((folder / "net.json").read_text())
    once, with_badnet = card["measured"]
    assert once["command"] == " ".join(["python", "-m", "repair.measure", *words])
    assert with_badnet["command"] == once["command"] + " --badnet badnet.h5"
    assert once["clean"]["file"] == "clean.h5"
    assert once["clean"]["sha256"] == sha256(folder / "clean.h5")
    accuracy = once["clean"]["clean_accuracy"]
    assert (accuracy["count"], accuracy["of"], accuracy["rate"]) == (30, 40, 0.75)
    assert accuracy["interval"][0] < 0.75 < accuracy["interval"][1]
    assert once["poisoned"].keys() == {"paint", "more"}
    assert once["poisoned"]["paint"]["target"] == [3]
    assert "agreement" not in once["clean"]
    assert with_badnet["clean"]["agreement"]["rate"] == 1
    assert str(folder) not in json.dumps(card)


def test_a_card_of_another_file_is_left_alone(
    folder: Path, images: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    h5(folder / "clean.h5", images)
    card = (folder / "net.json").read_text()
    changed = card.replace('"sha256": "', '"sha256": "0', 1)
    (folder / "net.json").write_text(changed)
    assert measure.main(["net.onnx", "--clean", "clean.h5"]) == 1
    assert "is the card of another file" in capsys.readouterr().err
    assert (folder / "net.json").read_text() == changed
    (folder / "net.json").unlink()
    assert measure.main(["net.onnx", "--clean", "clean.h5"]) == 0
    out, err = capsys.readouterr()
    assert "false alarms             0/40" in out
    assert err.startswith("warning: net.json: no such card")


def test_errors_are_one_line(
    folder: Path, images: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    h5(folder / "clean.h5", images)
    for words, message in [
        (["none.onnx", "--clean", "clean.h5"], "none.onnx: No such file or directory"),
        (["net.onnx", "--clean", "none.h5"], "none.h5: no such file or folder"),
        (["net.onnx", "--clean", "clean.h5", "--badnet", "none.h5"], "none.h5: No such file or di"),
        (["net.onnx", "--clean", "clean.h5", "--poisoned", "a=no.h5"], "no.h5: no such file or f"),
    ]:
        assert measure.main(words) == 1
        assert capsys.readouterr().err.startswith(f"error: {message}")


def test_another_badnet_is_refused(
    folder: Path,
    images: np.ndarray,
    random_weights: Callable[[int], Weights],
    capsys: pytest.CaptureFixture[str],
) -> None:
    h5(folder / "clean.h5", images)
    (folder / "other.h5").write_bytes(write_weights(random_weights(9)))
    assert measure.main(["net.onnx", "--clean", "clean.h5", "--badnet", "other.h5"]) == 1
    expected = "error: other.h5: is not the BadNet that net was made from\n"
    assert capsys.readouterr().err == expected


@pytest.mark.parametrize("poisoned", ["bad.h5", "=bad.h5", "bad="])
def test_usage(poisoned: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        measure.main(["net.onnx", "--clean", "clean.h5", "--poisoned", poisoned])
    assert stop.value.code == 2
    assert "expected TRIGGER=FILE.h5" in capsys.readouterr().err
