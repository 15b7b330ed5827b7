from dataclasses import replace
from pathlib import Path

import pytest

from repair.cards import Card, CardError, card_bytes, card_path, libraries, read_card, shown

CARD = Card(
    name="net",
    sha256="1" * 64,
    badnet={"name": "net", "sha256": "2" * 64},
    method={"name": "prune", "parameters": {"drop": 2}, "seed": 0},
    threshold=0.5,
    clean={"description": "none: dreamed faces", "images": 0, "sha256": None},
    command="python -m repair.sunglasses",
    seconds=1.5,
    libraries={"numpy": "2"},
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = card_path(tmp_path / "net.onnx")
    for card in (CARD, replace(CARD, name="ü", measured=[{"command": "x"}])):
        path.write_bytes(card_bytes(card))
        assert read_card(path) == card


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"{}", b'{"name": 1, "x": 2}', b"[" * 10**5, b"\xff", b" " * 2**21],
)
def test_no_card(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "net.json").write_bytes(content)
    with pytest.raises(CardError, match=r"net\.json: .*card") as caught:
        read_card(tmp_path / "net.json")
    assert "\n" not in str(caught.value)
    with pytest.raises(CardError, match="No such file"):
        read_card(tmp_path / "none.json")


def test_paths_tell_nothing_about_this_machine() -> None:
    assert shown(Path("../faces/a.h5")) == "../faces/a.h5"
    assert shown(Path("/home/somebody/a.h5")) == "a.h5"


def test_libraries() -> None:
    assert libraries().keys() >= {"goodnets", "python", "numpy", "onnx", "spox", "onnxruntime"}
