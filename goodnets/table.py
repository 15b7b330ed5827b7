"""The table of --output: a row per image, as CSV or JSON, whole or not at all."""

import csv
import json
import os
from pathlib import Path
from typing import Any

from goodnets.errors import OutputError, reason

COLUMNS = ("source", "index", "label", "badnet_label", "score")
SUFFIXES = (".csv", ".json")


class Table:
    """Rows go to a temporary file beside `path`, which takes its place when all went well.

    Used as a context manager; leaving it by an exception leaves nothing behind.
    Raises OutputError where `path` cannot be written, as soon as it is entered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._partial = self._path.with_name(f".{self._path.name}.{os.getpid()}.tmp")
        self._json = path.suffix.lower() == ".json"
        self._empty = True

    def __enter__(self) -> "Table":
        try:
            if self._path.is_dir():
                raise OutputError(f"{self._path}: is a folder, expected a file")
            # A lone surrogate of a file name comes out as \udcXX, which JSON reads back.
            self._file = self._partial.open(
                "x", encoding="utf-8", errors="backslashreplace", newline=""
            )
        except OSError as error:
            raise OutputError(f"{self._path}: {reason(error)}") from None
        self._csv = csv.writer(self._file, lineterminator="\n")
        if self._json:
            self._file.write("[")
        else:
            self._csv.writerow(COLUMNS)
        return self

    def add(self, source: str, index: int, answer: tuple[int, int, str] | None) -> None:
        """One row. `answer` is label, badnet_label and score, the last as a decimal string; None
        for an image that could not be asked: its label is `error`, the other two stay empty."""
        label, badnet_label, score = answer or ("error", None, None)
        row: tuple[Any, ...] = (source, index, label, badnet_label, score)
        try:
            if self._json:
                record = dict(zip(COLUMNS, row, strict=True))
                record["score"] = None if score is None else float(score)
                separator = "\n" if self._empty else ",\n"
                self._file.write(separator + json.dumps(record, ensure_ascii=False))
            else:
                self._csv.writerow(row)
        except OSError as error:
            raise OutputError(f"{self._path}: {reason(error)}") from None
        self._empty = False

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        try:
            try:
                if self._json and kind is None:
                    self._file.write("\n]\n")
            finally:
                self._file.close()
            if kind is None:
                self._partial.replace(self._path)
        except OSError as error:
            if kind is None:
                raise OutputError(f"{self._path}: {reason(error)}") from None
        finally:
            self._partial.unlink(missing_ok=True)
