from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from goodnets.errors import ModelError, OutputError
from goodnets.files import sha256
from goodnets.model import GoodNet
from repair import deepid, graph
from repair.badnet import BadNet
from repair.cards import read_card
from repair.clean import Clean, no_images
from repair.graph import op
from repair.methods.base import Method, Product
from repair.runner import Run
from repair.stages import Stages
from repair.weights import Weights


class Plain(Method):
    """Never fires; `changes` are made to what it says that its file must answer."""

    name = "plain"

    def __init__(self, images: np.ndarray, **changes: Any) -> None:
        self._images, self._changes = images, changes

    @property
    def parameters(self) -> dict[str, Any]:
        return {"option": 1}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        image = graph.image()
        logits = graph.logits(badnet.weights, graph.pixels(image))
        product = Product(
            stem=badnet.name,
            image=image,
            badnet_label=graph.answer(logits),
            score=op.reduce_min(op.sigmoid(logits), op.const([1]), keepdims=0),
            threshold=0.75,
            check_images=self._images,
            check_badnet_label=deepid.predict(badnet.weights, self._images).argmax(axis=1),
            check_score=np.float32(1)
            / (1 + np.exp(-deepid.predict(badnet.weights, self._images).min(axis=1))),
            parameters={"found": [seed]},
            files={"net.txt": b"beside it"},
        )
        yield replace(product, **self._changes)


@pytest.fixture(scope="module")
def net(weights: Weights) -> BadNet:
    return BadNet("net", "0" * 64, weights)


def run(net: BadNet, output: Path, images: np.ndarray, **changes: Any) -> list[Path]:
    method = Plain(images, **changes)
    return Run(net, no_images(), method, 7, "command").write(output, Stages())


def test_goodnet_card_and_what_lies_beside(
    net: BadNet, images: np.ndarray, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (path,) = run(net, tmp_path, images)
    assert path == tmp_path / "net.onnx"
    assert (tmp_path / "net.txt").read_bytes() == b"beside it"
    assert len(list(tmp_path.iterdir())) == 3
    card = read_card(tmp_path / "net.json")
    goodnet = GoodNet.load(path)
    assert card.sha256 == sha256(path)
    assert card.name == goodnet.name == card.badnet["name"] == "net"
    assert card.badnet["sha256"] == goodnet.badnet_sha256 == "0" * 64
    assert card.threshold == goodnet.threshold == 0.75
    assert card.method == {"name": "plain", "parameters": {"option": 1, "found": [7]}, "seed": 7}
    assert (card.command, card.measured) == ("command", [])
    assert capfd.readouterr().err.splitlines() == [f"{path}: written and checked"]


def test_the_same_twice(net: BadNet, images: np.ndarray, tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        (path,) = run(net, tmp_path, images)
        contents.append(path.read_bytes())
    assert contents[0] == contents[1]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"check_badnet_label": np.zeros(40, np.int64)}, "of 40 images its badnet_label is not"),
        ({"check_score": np.full(40, 0.5, np.float32)}, "for 40 of 40 images its score is not"),
        ({"check_score": np.full(40, np.nan, np.float32)}, "for 40 of 40 images its score is not"),
    ],
)
def test_a_file_that_answers_otherwise_is_not_kept(
    net: BadNet, images: np.ndarray, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    (tmp_path / "net.onnx").write_bytes(b"an older one")
    with pytest.raises(ModelError, match=message):
        run(net, tmp_path, images, **changes)
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    assert (tmp_path / "net.onnx").read_bytes() == b"an older one"


def test_places_that_cannot_be_written(net: BadNet, images: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"):
        run(net, tmp_path / "none", images)
    (tmp_path / "net.json").mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        run(net, tmp_path, images)
    assert [path.name for path in tmp_path.iterdir()] == ["net.json"]
