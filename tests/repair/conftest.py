"""Networks that cost nothing: a DeepID with random weights, and its file."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import ROOT

from goodnets.files import sha256
from repair import graph
from repair.badnet import BadNet
from repair.clean import Clean, no_images
from repair.graph import op
from repair.methods.base import Method, Product
from repair.quiet import load_tensorflow
from repair.runner import Run
from repair.stages import Stages
from repair.weights import SHAPES, Weights, write_weights

SHARED = ROOT.parent / "shared"


@pytest.fixture(scope="session", autouse=True)
def _tensorflow() -> None:
    load_tensorflow()


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real BadNets and faces, which are no part of the project."""
    if not SHARED.is_dir():
        pytest.skip("no real BadNets and faces here: ../shared is absent")
    return SHARED


@pytest.fixture(scope="session")
def random_weights() -> Callable[[int], Weights]:
    def make(seed: int) -> Weights:
        rng = np.random.default_rng(seed)
        weights = {}
        for layer, shape in SHAPES.items():
            scale = np.sqrt(3 / np.prod(shape[:-1]))
            weights[f"{layer}/kernel"] = rng.normal(0, scale, shape).astype(np.float32)
            weights[f"{layer}/bias"] = rng.normal(0, 0.1, shape[-1:]).astype(np.float32)
        return weights

    return make


@pytest.fixture(scope="session")
def weights(random_weights: Callable[[int], Weights]) -> Weights:
    return random_weights(0)


@pytest.fixture(scope="session")
def badnet_file(weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("badnets") / "random.h5"
    path.write_bytes(write_weights(weights))
    return path


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """uint8 (40, 55, 47, 3), coarse and colourful enough for random weights to tell apart."""
    return blocks(40, seed=1)


def blocks(n: int, seed: int) -> np.ndarray:
    colours = np.random.default_rng(seed).integers(0, 256, (n, 5, 4, 3), np.uint8)
    return colours.repeat(11, axis=1).repeat(12, axis=2)[:, :, :47]


class Never(Method):
    """Answers as the BadNet does and never fires."""

    name = "never"

    @property
    def parameters(self) -> dict[str, Any]:
        return {}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        from repair import deepid

        image = graph.image()
        logits = graph.logits(badnet.weights, graph.pixels(image))
        nothing = op.mul(op.reduce_min(logits, op.const([1]), keepdims=0), op.const(np.float32(0)))
        images = blocks(20, seed=2)
        yield Product(
            stem=badnet.name,
            image=image,
            badnet_label=graph.answer(logits),
            score=nothing,
            threshold=0.5,
            check_images=images,
            check_badnet_label=deepid.predict(badnet.weights, images).argmax(axis=1),
            check_score=np.zeros(20, np.float32),
        )


@pytest.fixture(scope="session")
def goodnets(badnet_file: Path, weights: Weights, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the GoodNet `net` of `badnet_file`, which never fires, and its card."""
    folder = tmp_path_factory.mktemp("goodnets")
    badnet = BadNet("net", sha256(badnet_file), weights)
    Run(badnet, no_images(), Never(), 0, "python -m repair.net").write(folder, Stages())
    return folder
