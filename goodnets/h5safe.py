"""h5 files from strangers: opening one without ever opening anything else, or unpacking a bomb."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py
import numpy as np

from goodnets.errors import InputError, reason

_LARGEST_CHUNKS = 2**30


@contextmanager
def open_h5(path: str | os.PathLike[str]) -> Iterator[h5py.File]:
    """An h5 file, open for reading. Whatever h5py raises within the block becomes an InputError.

    Raises InputError where it cannot be opened; messages have no path in front.
    """
    try:
        file = h5py.File(path, "r")
    except (OSError, ValueError) as error:
        raise InputError(_why_closed(error)) from None
    with file:
        try:
            yield file
        except InputError:
            raise
        except Exception as error:  # h5py maps errors of the C library to many types
            raise InputError(f"damaged h5 file ({reason(error)})") from None


def subgroup(group: h5py.Group, name: str) -> h5py.Group:
    """A group within a group, in the file itself; InputError for anything else."""
    if not has(group, name):
        raise InputError(f"no group {name!r} in it{_found(group)}")
    if not _is_own(group, name):
        raise InputError(f"{name} is a link to somewhere else, expected a group")
    identifier = h5py.h5o.open(group.id, name.encode())
    if not isinstance(identifier, h5py.h5g.GroupID):
        raise InputError(f"{name} is a dataset or a type, expected a group")
    return h5py.Group(identifier)


def dataset(group: h5py.Group, name: str) -> h5py.Dataset:
    """A numeric dataset of a group that lies in the file itself and can be read piece by piece.

    Raises InputError for anything else.
    """
    if not has(group, name):
        raise InputError(f"no dataset {name!r} in it{_found(group)}")
    if not _is_own(group, name):
        raise InputError(f"{name} is a link to somewhere else, expected a dataset")
    identifier = h5py.h5o.open(group.id, name.encode())
    if not isinstance(identifier, h5py.h5d.DatasetID):
        raise InputError(f"{name} is a group or a type, expected a dataset")
    if identifier.shape is None:
        raise InputError(f"{name} is empty")
    kind = identifier.get_type().get_class()
    if kind not in (h5py.h5t.INTEGER, h5py.h5t.FLOAT):
        raise InputError(f"{name} is of type {_kind(identifier)}, expected integers or floats")
    storage = identifier.get_create_plist()
    if storage.get_layout() == h5py.h5d.VIRTUAL or storage.get_external_count():
        raise InputError(f"{name} lies in other files, expected it in this one")
    for i in range(storage.get_nfilters()):
        code, _, _, filter_name = storage.get_filter(i)
        if not h5py.h5z.filter_avail(code):
            raise InputError(
                f"{name} is packed with the filter {filter_name.decode(errors='replace') or code}"
                ", which this machine does not have"
            )
    if storage.get_layout() != h5py.h5d.CHUNKED:
        if identifier.get_storage_size() == 0 and np.prod(identifier.shape) > 0:
            raise InputError(f"{name} was never written")
        return h5py.Dataset(identifier)
    return h5py.Dataset(_with_cache(group, name, identifier, storage))


def has(group: h5py.Group, name: str) -> bool:
    """Whether a group has something of that name; nothing is opened."""
    # `name in file` would follow an external link, and open whatever it points at
    return bool(group.id.links.exists(name.encode()))


def _why_closed(error: Exception) -> str:
    text = reason(error)
    if "truncated file" in text:
        return "truncated h5 file"
    if "file signature not found" in text:
        return "not an h5 file"
    return f"cannot be opened as an h5 file ({text})"


def _is_own(group: h5py.Group, name: str) -> bool:
    return bool(group.id.links.get_info(name.encode()).type == h5py.h5l.TYPE_HARD)


def _found(group: h5py.Group) -> str:
    return f" (found: {', '.join(sorted(group)[:10]) or 'nothing'})"


def _kind(identifier: Any) -> str:
    try:
        return str(identifier.dtype)
    except TypeError:
        return "unknown"


def _with_cache(group: h5py.Group, name: str, identifier: Any, storage: Any) -> Any:
    """The dataset, opened again with a cache that holds all chunks one row touches, so
    that none is unpacked twice."""
    shape, chunk = identifier.shape, storage.get_chunk()
    if 0 in shape:
        return identifier
    across = [-(-size // piece) for size, piece in zip(shape, chunk, strict=True)]
    expected = int(np.prod(across, dtype=object))
    if identifier.get_num_chunks() != expected:
        raise InputError(
            f"{name} is incomplete: {identifier.get_num_chunks()} of {expected} chunks were written"
        )
    touched = expected // across[0]
    size = touched * int(np.prod(chunk, dtype=object)) * identifier.get_type().get_size()
    if storage.get_nfilters() == 0:
        return identifier  # read in place
    if size > _LARGEST_CHUNKS:
        raise InputError(
            f"{name} is packed in chunks of {chunk}: reading one row unpacks {size} bytes, "
            f"expected at most {_LARGEST_CHUNKS}; save it with smaller chunks"
        )
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_chunk_cache(max(521, 10 * touched), max(2**20, size), 1.0)
    return h5py.h5d.open(group.id, name.encode(), access)
