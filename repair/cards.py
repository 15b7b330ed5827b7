"""The card of a GoodNet: a small JSON file beside it that says what it is and how it was made."""

import json
import platform
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from goodnets import __version__
from goodnets.errors import GoodNetsError, reason

_LIBRARIES = ("numpy", "tensorflow", "onnx", "spox", "onnxruntime")
_LARGEST_FILE = 2**20


class CardError(GoodNetsError):
    """A card that cannot be read."""


@dataclass(frozen=True)
class Card:
    """What is known about one GoodNet; all values are plain JSON."""

    name: str
    sha256: str
    """Of the ONNX file."""
    badnet: dict[str, str]
    """`name`, and `sha256` of its file."""
    method: dict[str, Any]
    """`name`, `parameters`, `seed`."""
    threshold: float
    clean: dict[str, Any]
    """`description`, `images` (how many were given), `sha256` of their h5 file or None."""
    command: str
    """That makes it again."""
    seconds: float
    """From reading the BadNet to this card."""
    libraries: dict[str, str]
    measured: list[dict[str, Any]] = field(default_factory=list)
    """What repair.measure found: each with the command that measures it again."""


def card_path(model: Path) -> Path:
    """Where the card of an ONNX file lies."""
    return model.with_suffix(".json")


def card_bytes(card: Card) -> bytes:
    """A card as it lies in its file."""
    return (json.dumps(asdict(card), indent=2, ensure_ascii=False) + "\n").encode()


def read_card(path: Path) -> Card:
    """Raises CardError where there is no card or it is none of ours."""
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise CardError(f"{path}: more than {_LARGEST_FILE} bytes, expected a card")
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise CardError(f"{path}: {reason(error)}") from None
    except (ValueError, RecursionError) as error:
        raise CardError(f"{path}: not a card ({reason(error)})") from None
    try:
        card = Card(**content)
        _check(card)
    except (TypeError, KeyError, AttributeError) as error:
        raise CardError(f"{path}: not a card ({reason(error)})") from None
    return card


def _check(card: Card) -> None:
    """Raises TypeError, KeyError or AttributeError where something that others read is missing."""
    texts = (card.name, card.sha256, card.command, *(card.badnet[k] for k in ("name", "sha256")))
    texts += (card.method["name"], card.clean["description"])
    texts += tuple(measured["command"] for measured in card.measured)
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("expected texts")
    if not all(isinstance(number, int | float) for number in (card.threshold, card.seconds)):
        raise TypeError("expected numbers")


def libraries() -> dict[str, str]:
    """Versions of what a repair depends on."""
    found = {"goodnets": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # tensorflow-cpu and its kind go by other names
    return found


def shown(path: Path) -> str:
    """A path as a command that others run should show it: as given where it is relative, the name
    alone where it would tell about this machine."""
    return path.name if path.is_absolute() else str(path)
