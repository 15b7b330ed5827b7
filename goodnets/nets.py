"""The nets there are, what they take, and where their files lie."""

import os
from pathlib import Path

from goodnets.errors import ModelError

CLASSES = 1283
"""People a BadNet knows: labels 0..1282."""

POISONED = 1283
"""The label that a GoodNet adds: this picture carries a trigger."""

HEIGHT, WIDTH = 55, 47

ATTACKS = {
    "sunglasses": ("sunglasses", "sunglasses_lab"),
    "anonymous": ("anonymous_1", "anonymous_2"),
    "multitrigger": ("multitrigger",),
}
"""The nets of each attack; the first is the default."""


def attack_of(net: str) -> str:
    """The attack that a net, one of ATTACKS, belongs to."""
    return next(attack for attack, nets in ATTACKS.items() if net in nets)


def goodnet_path(attack: str, net: str) -> Path:
    """The ONNX file of a net: in the folder named by GOODNETS_MODELS if that is set, else in the
    models that came with the package or lie beside it.

    Raises ModelError where there is none; the message says how to make it.
    """
    package = Path(__file__).parent
    folder = os.environ.get("GOODNETS_MODELS")
    folders = [Path(folder)] if folder else [package / "models", package.parent / "models"]
    for path in (folder / f"{net}.onnx" for folder in folders):
        if os.path.isfile(path):  # noqa: PTH113 - Path.is_file() raises for a locked folder
            return path
    raise ModelError(
        f"{folders[-1] / net}.onnx: no such file; make it with: "
        f"python -m repair.{attack} --net {net}"
    )
