"""Files: written whole or not at all, and known by their sha256."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from goodnets.errors import OutputError, reason


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`: what the block writes there takes the place of `path` if the
    block ends well, and is removed if it does not.

    Raises OutputError where `path` is a folder or cannot be replaced.
    """
    path = path.resolve()
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir() raises for a locked folder
        raise OutputError(f"{path}: is a folder, expected a file")
    try:
        yield partial
        try:
            partial.replace(path)
        except OSError as error:
            raise OutputError(f"{path}: {reason(error)}") from None
    finally:
        with suppress(OSError):  # where it cannot be removed it was never written
            partial.unlink(missing_ok=True)


def write(path: Path, content: bytes) -> None:
    """Write a whole file. Raises OutputError where that fails; `path` is then as it was."""
    with replacing(path) as partial:
        try:
            partial.write_bytes(content)
        except OSError as error:
            raise OutputError(f"{path}: {reason(error)}") from None


def try_folder(folder: Path) -> None:
    """Find out now, not when the work is done, whether files can be written into a folder. Raises
    OutputError where they cannot."""
    import tempfile  # slow, and not needed for one photo

    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OutputError(f"{folder}: {reason(error)}") from None


def sha256(path: Path) -> str:
    """Of a file, in hexadecimal. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
