"""The GoodNets of models/ are what their cards say, and repair made them: none of their tensors is
a BadNet's."""

import os
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from conftest import ROOT
from onnx import numpy_helper

from goodnets.files import sha256
from goodnets.model import GoodNet
from goodnets.nets import ATTACKS
from repair import badnet, measure, zoo
from repair.cards import Card, card_bytes, card_path, read_card
from repair.weights import Weights

MODELS = Path(os.environ.get("GOODNETS_MODELS", ROOT / "models"))
SHARED = ROOT.parent / "shared"
NAMES = sorted(name for nets in ATTACKS.values() for name in nets)
FILES = sorted(MODELS.glob("*.onnx"))


@cache
def shared_files() -> dict[str, Path]:
    """sha256 -> h5 file of ../shared."""
    return {sha256(path): path for path in sorted(SHARED.glob("**/*.h5"))}


def shared_file(digest: str, what: str) -> Path:
    if not SHARED.is_dir():
        pytest.skip("no real BadNets and faces here: ../shared is absent")
    if digest not in shared_files():
        pytest.skip(f"{what} (sha256 {digest}) is not in ../shared")
    return shared_files()[digest]


def model_of(name: str) -> tuple[Path, Card]:
    path = MODELS / f"{name}.onnx"
    return path, read_card(card_path(path))


def test_five_goodnets_each_with_its_card() -> None:
    assert [path.stem for path in FILES] == NAMES
    assert [path.stem for path in sorted(MODELS.glob("*.json"))] == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_the_card_is_that_of_the_file(name: str) -> None:
    path, card = model_of(name)
    goodnet = GoodNet.load(path)
    assert card.sha256 == sha256(path)
    assert (card.name, card.badnet["name"]) == (name, name)
    assert goodnet.name == name
    assert goodnet.method == card.method["name"] == "transplant"
    assert goodnet.threshold == card.threshold
    assert goodnet.badnet_sha256 == card.badnet["sha256"] == badnet.KNOWN[name].sha256


@pytest.mark.parametrize("name", NAMES)
def test_made_from_the_badnet_alone(name: str) -> None:
    """With the defaults, which is what making it again takes; the card tells about no machine."""
    path, card = model_of(name)
    (attack,) = (attack for attack, nets in ATTACKS.items() if name in nets)
    assert card.clean == {"description": "none: dreamed faces", "images": 0, "sha256": None}
    command = shlex.split(card.command)
    assert command[:5] == ["python", "-m", f"repair.{attack}", "--net", name]
    assert not {"--clean", "--method", "--badnet", "--drops"} & set(command)
    assert {"numpy", "tensorflow", "onnx", "spox", "onnxruntime"} <= set(card.libraries)
    assert not re.search(r'["\s=](/|[A-Z]:\\|~)', card_path(path).read_text())


def test_the_page_is_up_to_date() -> None:
    assert (MODELS / "README.md").read_text("utf-8") == zoo.page(MODELS)


@pytest.mark.parametrize("name", NAMES)
def test_the_card_tells_the_truth(name: str, tmp_path: Path) -> None:
    """Every figure is measured again."""
    path, card = model_of(name)
    assert card.measured, "nothing was measured"
    copy = tmp_path / path.name
    shutil.copy(path, copy)
    for measured in card.measured:
        arguments = [str(copy), "--clean", str(set_of(measured["clean"]))]
        sets = measured["poisoned"].items()
        if sets:
            arguments.append("--poisoned")
            arguments += [f"{trigger}={set_of(figures)}" for trigger, figures in sets]
        if "strangers" in measured:
            arguments += ["--strangers", str(set_of(measured["strangers"]))]
        if "--badnet" in shlex.split(measured["command"]):
            arguments += ["--badnet", str(shared_file(card.badnet["sha256"], "the BadNet"))]
        card_path(copy).write_bytes(card_bytes(replace(card, measured=[])))
        assert measure.main(arguments) == 0
        (again,) = read_card(card_path(copy)).measured
        assert without_names(again) == without_names(measured)


def set_of(figures: dict[str, Any]) -> Path:
    return shared_file(figures["sha256"], figures["file"])


def without_names(measured: dict[str, Any]) -> dict[str, Any]:
    """What is left when files go by other names: they are known by their sha256."""
    return {
        key: without_names(value) if isinstance(value, dict) else value
        for key, value in measured.items()
        if key not in ("command", "file")
    }


def tensors(graph: onnx.GraphProto) -> Iterator[tuple[str, np.ndarray]]:
    """Every float tensor of a graph and of the graphs inside it."""
    for tensor in graph.initializer:
        yield tensor.name, numpy_helper.to_array(tensor)
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.TENSOR:
                yield node.output[0], numpy_helper.to_array(attribute.t)
            elif attribute.type == onnx.AttributeProto.GRAPH:
                yield from tensors(attribute.g)


@cache
def real_badnets() -> dict[str, Weights]:
    if not SHARED.is_dir():
        pytest.skip("no real BadNets here: ../shared is absent")
    return {
        name: badnet.load(SHARED / "badnets" / known.file, name).weights
        for name, known in badnet.KNOWN.items()
    }


@cache
def theirs() -> dict[int, list[tuple[str, np.ndarray]]]:
    """Size -> name and values of each BadNet's tensors of that size, sorted; also a 255th of them
    and 255 times as much."""
    found: dict[int, list[tuple[str, np.ndarray]]] = {}
    for net, weights in real_badnets().items():
        for name, array in weights.items():
            values = np.sort(array.ravel()).astype(np.float64)
            for scale in (1, 255, 1 / 255):
                entry = (f"{net}'s {name} times {scale:.3g}", scale * values)
                found.setdefault(array.size, []).append(entry)
    return found


def floats(name: str) -> list[tuple[str, np.ndarray]]:
    graph = onnx.load(MODELS / f"{name}.onnx").graph
    return [(key, a) for key, a in tensors(graph) if a.dtype.kind == "f" and a.size >= 20]


@pytest.mark.parametrize("name", NAMES)
def test_no_tensor_is_a_badnets(name: str) -> None:
    """In no layout: sorted values are the same however a tensor is transposed or cut up, and those
    that sorting pairs lie no further apart than any other pairing's."""
    compared = 0
    for key, array in floats(name):
        values = np.sort(array.ravel()).astype(np.float64)
        for what, other in theirs().get(array.size, []):
            compared += 1
            apart = np.abs(values - other).max() / np.abs(other).max()
            assert apart > 1e-6, f"{key} {array.shape} is {what}, within {apart:.1e}"
    assert compared > 0


@pytest.mark.parametrize("name", NAMES)
def test_hardly_a_value_is_the_badnets(name: str) -> None:
    """Nor are parts of its tensors there: few values are found, to the last bit, among its own."""
    own = np.unique(np.concatenate([array.ravel() for array in real_badnets()[name].values()]))
    for key, array in floats(name):
        values = np.unique(array.astype(np.float32))
        if len(values) < 20:
            continue
        share = np.isin(values, own).mean()
        assert share < 0.15, f"{100 * share:.1f} % of {key} {array.shape} are the BadNet's values"
