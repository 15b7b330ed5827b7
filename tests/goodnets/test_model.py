from pathlib import Path

import numpy as np
import onnx
import pytest
from conftest import METADATA, plain, synthetic_goodnet
from onnx import TensorProto, helper

from goodnets import GoodNet
from goodnets.errors import InputError, ModelError


def load(model: onnx.ModelProto, folder: Path) -> GoodNet:
    onnx.save(model, folder / "model.onnx")
    return GoodNet.load(folder / "model.onnx")


def test_answers(goodnet_file: Path) -> None:
    goodnet = GoodNet.load(goodnet_file)
    answers = goodnet.ask(np.stack([plain(7), plain(9, blue=255), plain(250, blue=100)]))
    assert answers.label.tolist() == [7, 1283, 250]
    assert answers.badnet_label.tolist() == [7, 9, 250]
    assert answers.score == pytest.approx([0, 1, 100 / 255])
    assert (goodnet.name, goodnet.method, goodnet.threshold) == ("sunglasses", "synthetic", 0.75)


def test_no_images(goodnet_file: Path) -> None:
    answers = GoodNet.load(goodnet_file).ask(np.empty((0, 55, 47, 3), np.uint8))
    assert [(a.shape, a.dtype) for a in answers] == [((0,), "i8"), ((0,), "i8"), ((0,), "f4")]


def test_batch_composition_changes_nothing(goodnet_file: Path) -> None:
    goodnet = GoodNet.load(goodnet_file)
    images = np.random.default_rng(0).integers(0, 256, (150, 55, 47, 3), np.uint8)
    images[::3, :, :, 2] = 255
    together = goodnet.ask(images)
    backwards = goodnet.ask(images[::-1])
    alone = [goodnet.ask(image[None]) for image in images]
    assert together.label.tolist() == [int(answer.label[0]) for answer in alone]
    assert together.label.tolist() == backwards.label[::-1].tolist()


@pytest.mark.parametrize(
    "images",
    [np.zeros((1, 55, 47, 3)), np.zeros((55, 47, 3), np.uint8), np.zeros((1, 3, 55, 47), np.uint8)],
)
def test_refuses_other_arrays(goodnet_file: Path, images: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"expected uint8 \(n, 55, 47, 3\)"):
        GoodNet.load(goodnet_file).ask(images)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a"),
        (b"garbage, not a model", "not a"),
        (b"\x00\x00\x00\x00ORTM" + bytes(100), "not a"),
        (None, "No such file"),
    ],
)
def test_refuses_other_files(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "model.onnx"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=message) as caught:
        GoodNet.load(path)
    assert "\n" not in str(caught.value)


def test_refuses_a_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a file"):
        GoodNet.load(tmp_path)


def test_refuses_truncated_files(tmp_path: Path) -> None:
    whole = synthetic_goodnet().SerializeToString()
    for size in range(1, len(whole), 37):
        (tmp_path / "model.onnx").write_bytes(whole[:size])
        with pytest.raises(ModelError):
            GoodNet.load(tmp_path / "model.onnx")


@pytest.mark.parametrize("key", METADATA)
def test_refuses_missing_metadata(tmp_path: Path, key: str) -> None:
    metadata = {k: v for k, v in METADATA.items() if k != key}
    with pytest.raises(ModelError, match=f"{key} is missing, expected"):
        load(synthetic_goodnet(metadata), tmp_path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("threshold", "nan"),
        ("threshold", "1.5"),
        ("threshold", "high"),
        ("classes", "10"),
        ("format", "goodnets-2"),
        ("badnet_sha256", "abc"),
        ("name", ""),
    ],
)
def test_refuses_wrong_metadata(tmp_path: Path, key: str, value: str) -> None:
    with pytest.raises(ModelError, match=f"{key} is '{value}', expected"):
        load(synthetic_goodnet(METADATA | {key: value}), tmp_path)


def test_refuses_another_signature(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="expected image"):
        load(synthetic_goodnet(image=("batch", 3, 55, 47)), tmp_path)
    with pytest.raises(ModelError, match="expected image"):
        load(synthetic_goodnet(image=(1, 55, 47, 3)), tmp_path)
    with pytest.raises(ModelError, match=r"score tensor\(float\)"):
        load(synthetic_goodnet(score_type=TensorProto.DOUBLE), tmp_path)
    model = synthetic_goodnet()
    del model.graph.output[2]
    with pytest.raises(ModelError, match="expected label and badnet_label"):
        load(model, tmp_path)


@pytest.mark.parametrize(
    ("node", "message"),
    [
        (helper.make_node("Add", ["honest", "shift"], ["label"]), "label out of range"),
        (helper.make_node("Neg", ["honest"], ["label"]), "label out of range"),
        (helper.make_node("Identity", ["badnet_label"], ["label"]), "labels and scores disagree"),
        (helper.make_node("Concat", ["honest", "honest"], ["label"], axis=0), "label is int64"),
    ],
)
def test_catches_labels_that_lie(tmp_path: Path, node: onnx.NodeProto, message: str) -> None:
    goodnet = load(synthetic_goodnet(label=lambda honest: [node]), tmp_path)
    with pytest.raises(ModelError, match=message):
        goodnet.ask(plain(9, blue=255)[None])


@pytest.mark.parametrize("constant", ["nan", "white"])
def test_catches_scores_that_lie(tmp_path: Path, constant: str) -> None:
    model = synthetic_goodnet()
    (score,) = (node for node in model.graph.node if node.output[0] == "score")
    score.CopyFrom(helper.make_node("Mul", ["evidence", constant], ["score"]))
    goodnet = load(model, tmp_path)
    with pytest.raises(ModelError, match="score out of range"):
        goodnet.ask(plain(9, blue=255)[None])


def test_a_graph_that_fails_is_a_model_error(tmp_path: Path, capfd: pytest.CaptureFixture) -> None:
    def too_far(honest: str) -> list[onnx.NodeProto]:
        return [
            helper.make_node("Gather", ["colours", "shift"], ["far"], axis=1),
            helper.make_node("Cast", ["far"], ["label"], to=TensorProto.INT64),
        ]

    goodnet = load(synthetic_goodnet(label=too_far), tmp_path)
    with pytest.raises(ModelError, match="failed to answer"):
        goodnet.ask(plain(9)[None])
    assert capfd.readouterr().err == ""  # onnxruntime keeps quiet
