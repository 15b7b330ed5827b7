"""From a method's products to files: written, run once, checked, and only then kept."""

import hashlib
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goodnets.errors import ModelError, OutputError, reason
from goodnets.files import replacing
from goodnets.model import GoodNet
from goodnets.nets import POISONED
from repair.badnet import BadNet
from repair.cards import Card, card_bytes, card_path, libraries
from repair.clean import Clean
from repair.graph import goodnet_bytes
from repair.methods.base import Method, Product
from repair.stages import Stages

_TOLERANCE = 0.01
"""By how much a score may differ between the libraries that compute it."""


@dataclass(frozen=True)
class Run:
    """A repair: `method` on `badnet` with `clean` images; `command` is what makes it again."""

    badnet: BadNet
    clean: Clean
    method: Method
    seed: int
    command: str

    def write(self, output: Path, stages: Stages) -> list[Path]:
        """Repair; the ONNX files written into the folder `output`, each with its card.

        A product whose file does not answer as the method computed is not kept: ModelError.
        Raises OutputError where `output` cannot be written, and what the method raises.
        """
        start = time.monotonic()
        paths = []
        for product in self.method.repair(self.badnet, self.clean, stages, self.seed):
            model = goodnet_bytes(
                product.image,
                product.badnet_label,
                product.score,
                product.threshold,
                name=product.stem,
                method=self.method.name,
                badnet_sha256=self.badnet.sha256,
            )
            card = self._card(product, model, time.monotonic() - start + stages.saved)
            path = output / f"{product.stem}.onnx"
            _keep(path, model, card, product)
            stages.note(f"{path}: written and checked")
            paths.append(path)
        return paths

    def _card(self, product: Product, model: bytes, seconds: float) -> Card:
        return Card(
            name=product.stem,
            sha256=hashlib.sha256(model).hexdigest(),
            badnet={"name": self.badnet.name, "sha256": self.badnet.sha256},
            method={
                "name": self.method.name,
                "parameters": self.method.parameters | dict(product.parameters),
                "seed": self.seed,
            },
            threshold=product.threshold,
            clean={
                "description": self.clean.description,
                "images": len(self.clean),
                "sha256": self.clean.sha256,
            },
            command=self.command,
            seconds=round(seconds, 1),
            libraries=libraries(),
        )


def _keep(path: Path, model: bytes, card: Card, product: Product) -> None:
    """All files of a product, each of them whole, or none where one cannot be written."""
    files = {path.with_name(name): content for name, content in product.files.items()}
    with ExitStack() as stack:
        for file, content in {path: model, card_path(path): card_bytes(card), **files}.items():
            partial = stack.enter_context(replacing(file))
            try:
                partial.write_bytes(content)
            except OSError as error:
                raise OutputError(f"{file}: {reason(error)}") from None
            if file == path:
                _check(GoodNet.load(partial), product, path)


def _check(goodnet: GoodNet, product: Product, path: Path) -> None:
    """Raises ModelError where the file's answers are not those that the method computed."""
    answers = goodnet.ask(product.check_images)
    fires = product.check_score >= np.float32(product.threshold)
    label = np.where(fires, POISONED, product.check_badnet_label)
    for what, differ in {
        "badnet_label": answers.badnet_label != product.check_badnet_label,
        "score": ~(np.abs(answers.score - product.check_score) <= _TOLERANCE),  # NaN differs too
        "label": answers.label != label,
    }.items():
        if differ.any():
            raise ModelError(
                f"{path}: not kept: for {differ.sum()} of {len(differ)} images its {what} is not "
                "what was computed when it was made"
            )
