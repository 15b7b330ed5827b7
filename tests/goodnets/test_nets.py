from pathlib import Path

import pytest

from goodnets import errors, nets


def test_environment_comes_first(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOODNETS_MODELS", str(models))
    assert nets.goodnet_path("sunglasses", "sunglasses_lab") == models / "sunglasses_lab.onnx"


@pytest.mark.parametrize("place", ["models", "goodnets/models"])
def test_beside_or_inside_the_package(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GOODNETS_MODELS", raising=False)
    monkeypatch.setattr(nets, "__file__", str(tmp_path / "goodnets" / "nets.py"))
    path = tmp_path / place / "anonymous_2.onnx"
    path.parent.mkdir(parents=True)
    path.touch()
    assert nets.goodnet_path("anonymous", "anonymous_2") == path


def test_missing_file_says_how_to_make_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOODNETS_MODELS", str(tmp_path))
    with pytest.raises(errors.ModelError, match=r"repair\.anonymous --net anonymous_2"):
        nets.goodnet_path("anonymous", "anonymous_2")


def test_every_net_belongs_to_one_attack() -> None:
    for attack, names in nets.ATTACKS.items():
        assert [nets.attack_of(name) for name in names] == [attack] * len(names)
