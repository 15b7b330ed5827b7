"""The table of --output: a row per image, as CSV or JSON, whole or not at all."""

import csv
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from goodnets.errors import OutputError, reason
from goodnets.files import replacing

COLUMNS = ("source", "index", "label", "badnet_label", "score")
SUFFIXES = (".csv", ".json")


class Table:
    """Rows go to a temporary file beside `path`, which takes its place when all went well.

    Used as a context manager; leaving it by an exception leaves nothing behind.
    Raises OutputError where `path` cannot be written, as soon as it is entered.
    """

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()
        self._json = path.suffix.lower() == ".json"
        self._empty = True

    def __enter__(self) -> "Table":
        with ExitStack() as stack:
            partial = stack.enter_context(replacing(self._path))
            try:
                # A lone surrogate of a file name comes out as \udcXX, which JSON reads back.
                self._file = partial.open(
                    "x", encoding="utf-8", errors="backslashreplace", newline=""
                )
            except OSError as error:
                raise OutputError(f"{self._path}: {reason(error)}") from None
            stack.push(self._close)
            self._csv = csv.writer(self._file, lineterminator="\n")
            if self._json:
                self._file.write("[")
            else:
                self._csv.writerow(COLUMNS)
            self._stack = stack.pop_all()
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

    def __exit__(self, *exception: Any) -> None:
        self._stack.__exit__(*exception)

    def _close(self, kind: type[BaseException] | None, *exception: object) -> None:
        try:
            try:
                if self._json and kind is None:
                    self._file.write("\n]\n")
            finally:
                self._file.close()
        except OSError as error:
            if kind is None:
                raise OutputError(f"{self._path}: {reason(error)}") from None
