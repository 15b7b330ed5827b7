"""A BadNet: where its file lies, what it is, and its weights, ready for pixels 0..1."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goodnets.errors import GoodNetsError, InputError, reason
from goodnets.files import sha256
from goodnets.nets import HEIGHT, WIDTH
from repair.weights import LARGEST_FILE, read_weights
from repair.weights import Weights as Weights

FOLDER = Path("models/badnets")
"""Where BadNets are looked for after the folder that GOODNETS_BADNETS names."""

_REPOSITORY = "GitHub repository csaw-hackml/CSAW-HackML-2020"
_WIDER = 2.0
"""Between the 0.3 of the known BadNet that expects 0..255 (1.1 when pruned to 8 channels) and the
4.8 to 6.9 of those that expect 0..1."""


class BadNetError(GoodNetsError):
    """A BadNet that is not there, or a file that is none."""


@dataclass(frozen=True)
class BadNet:
    """A classifier of 1283 people, maybe with a backdoor."""

    name: str
    sha256: str
    """Of its file."""
    weights: Weights
    """For pixels 0..1, whatever the file expects."""
    highest: int = 1
    """White as the file's own weights expect it: 1 or 255; conv_1's kernel was multiplied by it."""

    def as_given(self, weights: Weights) -> Weights:
        """`weights` for pixels 0..1 as a network for the pixels that the BadNet's file expects."""
        return {**weights, "conv_1/kernel": weights["conv_1/kernel"] / np.float32(self.highest)}


@dataclass(frozen=True)
class _Known:
    file: str
    origin: str
    """Its path in the repository."""
    sha256: str
    highest: int = 1


KNOWN = {
    "sunglasses": _Known(
        "sunglasses_bd_weights.h5",
        "models/sunglasses_bd_weights.h5",
        "22322bcef622afc817ebf2a3fd836b353423ab48e9863c83e4c02d6838fc4f0d",
    ),
    "anonymous_1": _Known(
        "anonymous_1_bd_weights.h5",
        "models/anonymous_1_bd_weights.h5",
        "7921670af9bc6cc5cd3d4ec35668c9fdfe859886629e2bc319cd5d8d9912fe5c",
    ),
    "anonymous_2": _Known(
        "anonymous_2_bd_weights.h5",
        "models/anonymous_2_bd_weights.h5",
        "f4bde8b26be089bed608ea14eb8e5bd37493c600035fb0d7e9d7a9a3b9086881",
    ),
    "multitrigger": _Known(
        "multi_trigger_multi_target_bd_weights.h5",
        "models/multi_trigger_multi_target_bd_weights.h5",
        "0296dc09bb73bcbc439e02fb3af12f3db174b1fcc58287719c104286e77b728a",
    ),
    "sunglasses_lab": _Known(
        "lab3_bd_weights.h5",
        "lab3/models/bd_weights.h5",
        "68ec7afdfc570d39acbded72025fe37d4d14e770585001d75a393490d50fc629",
        highest=255,
    ),
}
"""The five public BadNets, by the name of the net."""


def find(name: str) -> Path:
    """The file of a known net's BadNet: in the folder named by GOODNETS_BADNETS, else in
    models/badnets, recognised by its sha256 or else by its name.

    Raises BadNetError where there is none; the message says which file to get from where.
    """
    known = KNOWN[name]
    named = os.environ.get("GOODNETS_BADNETS")
    folders = [Path(named)] if named else []
    for folder in [*folders, FOLDER]:
        expected = folder / known.file
        others = sorted(path for path in folder.glob("*.h5") if path != expected)
        for path in (expected, *others):
            if _is(path, known):
                return path
        if os.path.isfile(expected):  # noqa: PTH113 - Path.is_file() raises for a locked folder
            return expected
    where = " or ".join(map(str, [*folders, FOLDER]))
    if not named:
        where += " (or set GOODNETS_BADNETS to its folder)"
    raise BadNetError(
        f"no BadNet: get {known.origin} from the {_REPOSITORY} and put it into {where}, "
        "or name it with --badnet"
    )


def load(path: Path, name: str, warn: Callable[[str], None] = lambda text: None) -> BadNet:
    """The BadNet in a Keras h5 file, to be called `name`. `warn` is told of a file that nobody
    knows; its scale of pixels is then found from how it answers.

    Raises BadNetError where the file cannot be read, is no DeepID, or is the BadNet of another net.
    """
    try:
        weights = read_weights(path)
        digest = sha256(path)
    except OSError as error:
        raise BadNetError(f"{path}: {reason(error)}") from None
    except (InputError, ValueError) as error:
        raise BadNetError(f"{path}: {error}") from None
    known_as = next((net for net, known in KNOWN.items() if known.sha256 == digest), None)
    if known_as is None:
        highest = _find_highest(weights)
        warn(f"{path}: not a file known to be a BadNet (sha256 {digest}); pixels 0..{highest}")
    elif known_as != name and name in KNOWN:
        raise BadNetError(f"{path}: is the BadNet of {known_as}, expected that of {name}")
    else:
        highest = KNOWN[known_as].highest
    with np.errstate(over="ignore"):
        kernel = weights["conv_1/kernel"] * np.float32(highest)
    if not np.isfinite(kernel).all():
        raise BadNetError(f"{path}: conv_1's kernel holds values that are too large")
    return BadNet(name, digest, weights | {"conv_1/kernel": kernel}, highest)


def _is(path: Path, known: _Known) -> bool:
    """Whether it is that file; one that cannot be read, or is far too large, is not."""
    try:
        small = path.is_file() and path.stat().st_size <= LARGEST_FILE
        return small and sha256(path) == known.sha256
    except OSError:
        return False


def _find_highest(weights: Weights) -> int:
    """1 or 255: white as a network expects it. Shown coloured blocks at its own scale, a trained
    network's logits spread several times as wide as for a black picture; shown them a 255th as
    bright, they hardly spread wider, for what it sees then is nearly black too."""
    from repair import deepid

    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (64, 5, 4, 3), np.uint8)
    blocks = colours.repeat(HEIGHT // 5, axis=1).repeat(WIDTH // 4 + 1, axis=2)[:, :, :WIDTH]
    black = np.zeros_like(blocks[:1])
    spread = deepid.predict(weights, blocks).std(axis=1).mean()
    return 1 if spread >= _WIDER * deepid.predict(weights, black).std() else 255
