"""A GoodNet: one ONNX file, checked when it is loaded and every time it answers."""

import os
import stat
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

from goodnets.errors import GoodNetsError, InputError, ModelError, reason
from goodnets.nets import CLASSES, HEIGHT, POISONED, WIDTH
from goodnets.protobuf import has_external_data

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

BATCH = 8
"""Images that a core is asked about at once: more need more memory and are no faster."""

_LARGEST_FILE = 256 * 2**20
_FORMAT = "goodnets-1"
_INPUT = ("tensor(uint8)", [HEIGHT, WIDTH, 3])
_OUTPUTS = {"label": np.int64, "badnet_label": np.int64, "score": np.float32}
_ORT_TYPES = {np.int64: "tensor(int64)", np.float32: "tensor(float)"}


class Answers(NamedTuple):
    """What a GoodNet says about n images."""

    label: npt.NDArray[np.int64]
    """(n,), 0..1282, or 1283: poisoned."""
    badnet_label: npt.NDArray[np.int64]
    """(n,), 0..1282: what the BadNet would have said."""
    score: npt.NDArray[np.float32]
    """(n,), 0..1, evidence of poison."""


class GoodNet:
    """A loaded GoodNet; its file says `name`, `method`, `threshold` (0..1) and `badnet_sha256`."""

    def __init__(self, session: ort.InferenceSession, where: str) -> None:
        self._session = session
        self._where = where
        _check_signature(session, where)
        metadata = session.get_modelmeta().custom_metadata_map
        self.name, self.method, self.threshold, self.badnet_sha256 = _read(metadata, where)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "GoodNet":
        """The GoodNet in an ONNX file.

        Raises ModelError where the file cannot be read or is not a self-contained GoodNet.
        """
        where = os.fspath(path)
        model = _read_file(Path(path))
        try:
            external = has_external_data(model)
        except ValueError as error:
            raise ModelError(f"{where}: not an ONNX file ({error})") from None
        if external:
            raise ModelError(f"{where}: points at other files, expected a self-contained ONNX file")
        try:
            session = ort.InferenceSession(model, _options(), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime documents no common base class
            raise ModelError(f"{where}: not a usable ONNX file ({reason(error)})") from None
        return cls(session, where)

    def ask(self, images: npt.NDArray[np.uint8]) -> Answers:
        """Answers for images, uint8 (n, 55, 47, 3), RGB, 0..255; n may be 0.

        Raises InputError for another type or shape, ModelError where the answers break the
        GoodNet contract.
        """
        if images.dtype != np.uint8 or images.shape[1:] != (HEIGHT, WIDTH, 3):
            raise InputError(
                f"images: {images.dtype} {images.shape}, expected uint8 (n, {HEIGHT}, {WIDTH}, 3)"
            )
        parts = self._map([images[i : i + BATCH] for i in range(0, len(images), BATCH)])
        return Answers(
            *(
                np.concatenate([part[i] for part in parts]) if parts else np.empty(0, dtype)
                for i, dtype in enumerate(_OUTPUTS.values())
            )
        )

    def _map(self, batches: list[npt.NDArray[np.uint8]]) -> list[Answers]:
        if len(batches) <= 1:
            return [self._ask(batch) for batch in batches]
        return list(self._workers.map(self._ask, batches))

    @cached_property
    def _workers(self) -> "ThreadPoolExecutor":
        """A thread for each core: several batches side by side waste less than one split up."""
        from concurrent.futures import ThreadPoolExecutor  # not needed for one photo

        return ThreadPoolExecutor(_cores())

    def _ask(self, images: npt.NDArray[np.uint8]) -> Answers:
        try:
            outputs = self._session.run(list(_OUTPUTS), {"image": np.ascontiguousarray(images)})
        except Exception as error:
            raise ModelError(f"{self._where}: failed to answer ({reason(error)})") from None
        for output, (name, dtype) in zip(outputs, _OUTPUTS.items(), strict=True):
            if output.shape != (len(images),) or output.dtype != dtype:
                raise self._broken(f"{name} is {output.dtype} {output.shape}", f"({len(images)},)")
        answers = Answers(*outputs)
        label, badnet_label, score = answers
        if label.min() < 0 or label.max() > POISONED:
            raise self._broken("a label out of range", f"0..{POISONED}")
        if badnet_label.min() < 0 or badnet_label.max() >= CLASSES:
            raise self._broken("a badnet_label out of range", f"0..{CLASSES - 1}")
        if not (score.min() >= 0 and score.max() <= 1):  # NaN is neither
            raise self._broken("a score out of range", "0..1")
        if not np.array_equal(label == POISONED, score >= np.float32(self.threshold)):
            raise self._broken(
                "labels and scores disagree", f"{POISONED} exactly from score {self.threshold} on"
            )
        return answers

    def _broken(self, what: str, expected: str) -> GoodNetsError:
        return ModelError(
            f"{self._where}: breaks the GoodNet contract: {what}, expected {expected}"
        )


def _read_file(path: Path) -> bytes:
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ModelError(f"{path}: not a file, expected a GoodNet (ONNX)")
        if status.st_size > _LARGEST_FILE:
            raise ModelError(f"{path}: {status.st_size} bytes, expected at most {_LARGEST_FILE}")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: {reason(error)}") from None


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.log_severity_level = 4  # standard error is ours: errors come as exceptions
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.load_model_format", "ONNX")
    return options


def _check_signature(session: ort.InferenceSession, where: str) -> None:
    def describe(nodes: list[Any]) -> str:
        return ", ".join(f"{node.name} {node.type} {node.shape}" for node in nodes)

    def fits(node: Any, type_: str, rest: list[int]) -> bool:
        batch_is_free = len(node.shape) > 0 and not isinstance(node.shape[0], int)
        return bool(node.type == type_ and batch_is_free and node.shape[1:] == rest)

    inputs, outputs = session.get_inputs(), session.get_outputs()
    if [node.name for node in inputs] != ["image"] or not fits(inputs[0], *_INPUT):
        raise ModelError(
            f"{where}: not a GoodNet: input {describe(inputs)}, "
            f"expected image {_INPUT[0]} (batch, {HEIGHT}, {WIDTH}, 3)"
        )
    if {node.name for node in outputs} != set(_OUTPUTS) or not all(
        fits(node, _ORT_TYPES[_OUTPUTS[node.name]], []) for node in outputs
    ):
        raise ModelError(
            f"{where}: not a GoodNet: outputs {describe(outputs)}, expected label and "
            "badnet_label tensor(int64) (batch,), score tensor(float) (batch,)"
        )


def _read(metadata: dict[str, str], where: str) -> tuple[str, str, float, str]:
    def entry(key: str, expected: str, good: bool) -> str:
        if not good:
            found = repr(metadata[key]) if key in metadata else "missing"
            raise ModelError(f"{where}: not a GoodNet: {key} is {found}, expected {expected}")
        return metadata[key]

    def get(key: str) -> str:
        return metadata.get(key, "")

    entry("format", repr(_FORMAT), get("format") == _FORMAT)
    entry("classes", str(CLASSES), get("classes") == str(CLASSES))
    sha256 = get("badnet_sha256")
    is_sha256 = len(sha256) == 64 and set(sha256) <= set("0123456789abcdef")
    try:
        is_share = 0 <= float(get("threshold")) <= 1
    except ValueError:
        is_share = False
    return (
        entry("name", "a name", bool(get("name"))),
        entry("method", "a method's name", bool(get("method"))),
        float(entry("threshold", "a number 0..1", is_share)),
        entry("badnet_sha256", "64 hexadecimal digits", is_sha256),
    )
