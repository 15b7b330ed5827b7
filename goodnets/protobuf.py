"""Just enough of the protobuf wire format to tell whether an ONNX file points at other files.

An ONNX tensor may say "my bytes lie in that file over there". A GoodNet is self-contained, and a
file from a stranger gets to read nothing else, whatever the runtime of the day would allow.
"""

from collections.abc import Iterator

# message -> field number -> message in that field, for all that can hold a tensor (onnx.proto)
_FIELDS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_DEEPEST = 100  # as protobuf itself


def has_external_data(model: bytes) -> bool:
    """Whether any tensor of an ONNX model keeps its values in another file.

    Raises ValueError where the bytes are no protobuf message.
    """
    return _points_outside(memoryview(model), "model", 0)


def _points_outside(message: memoryview, kind: str, depth: int) -> bool:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    for field, value in _fields(message):
        if kind == "tensor":
            if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
                return True
        elif (
            field in _FIELDS[kind]
            and isinstance(value, memoryview)
            and _points_outside(value, _FIELDS[kind][field], depth + 1)
        ):
            return True
    return False


def _fields(message: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Field numbers and values: an int for a varint, the bytes for all else."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        wire = key & 7
        if wire == 0:
            number, at = _varint(message, at)
            yield key >> 3, number
            continue
        if wire == 2:
            size, at = _varint(message, at)
        elif wire in (1, 5):
            size = 8 if wire == 1 else 4
        else:
            raise ValueError(f"wire type {wire}")
        if at + size > end:
            raise ValueError("ends in the middle of a field")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(message):
            break
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("ends in the middle of a number")
