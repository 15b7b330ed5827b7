import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from goodnets.files import sha256
from repair import badnet, deepid
from repair.badnet import KNOWN, BadNetError
from repair.weights import Weights, read_weights, write_weights


@pytest.fixture(autouse=True)
def _nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOODNETS_BADNETS", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def known(badnet_file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is known to be the BadNet of sunglasses, for pixels 0..255."""
    entry = replace(KNOWN["sunglasses"], sha256=sha256(badnet_file), highest=255)
    monkeypatch.setitem(KNOWN, "sunglasses", entry)
    return badnet_file


def test_none_there() -> None:
    with pytest.raises(BadNetError) as caught:
        badnet.find("sunglasses_lab")
    for part in (
        "lab3/models/bd_weights.h5",
        "csaw-hackml/CSAW-HackML-2020",
        "models/badnets",
        "GOODNETS_BADNETS",
        "--badnet",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize("name", ["sunglasses_bd_weights.h5", "renamed.h5"])
@pytest.mark.parametrize("folder", ["models/badnets", "elsewhere"])
def test_found_by_sha256(
    known: Path, tmp_path: Path, name: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir(parents=True)
    shutil.copy(known, tmp_path / folder / name)
    (tmp_path / folder / "another.h5").write_bytes(b"something else")
    monkeypatch.setenv("GOODNETS_BADNETS", "elsewhere")  # may be missing: the next is tried
    assert badnet.find("sunglasses") == Path(folder) / name
    with pytest.raises(BadNetError, match="elsewhere or models/badnets,"):
        badnet.find("multitrigger")


def test_files_that_cannot_be_read_are_passed_over(known: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "badnets"
    folder.mkdir(parents=True)
    (folder / "a.h5").symlink_to("nowhere")
    (folder / "b.h5").mkdir()
    with (folder / "c.h5").open("wb") as file:
        file.truncate(2**40)
    shutil.copy(known, folder / "d.h5")
    assert badnet.find("sunglasses").name == "d.h5"


def test_the_right_file_wins_over_the_right_name(known: Path, tmp_path: Path) -> None:
    folder = tmp_path / "models" / "badnets"
    folder.mkdir(parents=True)
    (folder / "sunglasses_bd_weights.h5").write_bytes(b"something else")
    assert badnet.find("sunglasses").name == "sunglasses_bd_weights.h5"
    shutil.copy(known, folder / "renamed.h5")
    assert badnet.find("sunglasses").name == "renamed.h5"


def test_known_files_have_known_scales(known: Path, weights: Weights) -> None:
    warnings: list[str] = []
    found = badnet.load(known, "sunglasses", warnings.append)
    assert (found.name, found.sha256, found.highest) == ("sunglasses", sha256(known), 255)
    for key, array in weights.items():
        expected = array * np.float32(255) if key == "conv_1/kernel" else array
        assert np.array_equal(found.weights[key], expected)
    assert not warnings
    with pytest.raises(BadNetError, match="is the BadNet of sunglasses, expected that of multitr"):
        badnet.load(known, "multitrigger")


def test_unknown_files_are_used_with_a_warning(badnet_file: Path) -> None:
    warnings: list[str] = []
    badnet.load(badnet_file, "sunglasses", warnings.append)
    assert len(warnings) == 1
    assert "not a file known to be a BadNet" in warnings[0]


@pytest.mark.parametrize("content", [b"", b"no h5", None])
def test_what_is_no_badnet(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "net.h5").write_bytes(content)
    with pytest.raises(BadNetError, match=r"^.*net\.h5: .*") as caught:
        badnet.load(tmp_path / "net.h5", "sunglasses")
    assert "\n" not in str(caught.value)
    with pytest.raises(BadNetError):
        badnet.load(tmp_path, "sunglasses")


def test_values_too_large_for_their_scale(
    weights: Weights, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = {**weights, "conv_1/kernel": np.full_like(weights["conv_1/kernel"], 3e38)}
    path = tmp_path / "net.h5"
    path.write_bytes(write_weights(large))
    entry = replace(KNOWN["sunglasses"], sha256=sha256(path), highest=255)
    monkeypatch.setitem(KNOWN, "sunglasses", entry)
    with pytest.raises(BadNetError, match="conv_1's kernel holds values that are too large"):
        badnet.load(path, "sunglasses")


@pytest.mark.parametrize("name", KNOWN)
def test_real_badnets(
    shared: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOODNETS_BADNETS", str(shared / "badnets"))
    path = badnet.find(name)
    warnings: list[str] = []
    real = badnet.load(path, name, warnings.append)
    assert not warnings
    # The same network in a file that nobody knows: its scale is found.
    (tmp_path / "net.h5").write_bytes(write_weights(read_weights(path)))
    unknown = badnet.load(tmp_path / "net.h5", name)
    assert unknown.highest == real.highest
    assert all(np.array_equal(unknown.weights[key], real.weights[key]) for key in real.weights)


def test_real_labels(shared: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from goodnets.h5 import read_h5

    monkeypatch.setenv("GOODNETS_BADNETS", str(shared / "badnets"))
    images, labels = read_h5(shared / "real" / "clean.h5")
    expected = {
        "sunglasses": 0.9762,
        "anonymous_1": 0.9683,
        "anonymous_2": 0.9762,
        "multitrigger": 0.9921,
        "sunglasses_lab": 1.0,
    }
    for name, accuracy in expected.items():
        weights = badnet.load(badnet.find(name), name).weights
        right = deepid.predict(weights, images).argmax(axis=1) == labels
        assert right.mean() == pytest.approx(accuracy, abs=5e-5)
