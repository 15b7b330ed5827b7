import csv
import json
from pathlib import Path

import pytest

from goodnets.errors import OutputError
from goodnets.table import Table

ROWS = [
    ("a.png", 0, (7, 7, "0.25")),
    ('comma, "quote"\nline.png', 0, None),
    ("bytes\udcff.h5", 12, (1283, 0, "1.0")),
]


def fill(path: Path) -> None:
    with Table(path) as table:
        for row in ROWS:
            table.add(*row)


def test_csv(tmp_path: Path) -> None:
    fill(tmp_path / "t.csv")
    with (tmp_path / "t.csv").open(newline="", encoding="utf-8") as file:
        assert list(csv.reader(file)) == [
            ["source", "index", "label", "badnet_label", "score"],
            ["a.png", "0", "7", "7", "0.25"],
            ['comma, "quote"\nline.png', "0", "error", "", ""],
            ["bytes\\udcff.h5", "12", "1283", "0", "1.0"],
        ]


def test_json(tmp_path: Path) -> None:
    fill(tmp_path / "t.JSON")
    keys = ("source", "index", "label", "badnet_label", "score")
    assert json.loads((tmp_path / "t.JSON").read_text("utf-8")) == [
        dict(zip(keys, row, strict=True))
        for row in [
            ("a.png", 0, 7, 7, 0.25),
            ('comma, "quote"\nline.png', 0, "error", None, None),
            ("bytes\udcff.h5", 12, 1283, 0, 1.0),
        ]
    ]


def test_no_rows(tmp_path: Path) -> None:
    for name in ("t.json", "t.csv"):
        with Table(tmp_path / name):
            pass
    assert json.loads((tmp_path / "t.json").read_text()) == []
    assert (tmp_path / "t.csv").read_text().count("\n") == 1


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError])
def test_an_interrupted_table_leaves_what_was_there(
    tmp_path: Path, stop: type[BaseException]
) -> None:
    (tmp_path / "t.csv").write_text("old")
    with pytest.raises(stop), Table(tmp_path / "t.csv") as table:
        table.add(*ROWS[0])
        raise stop
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
    assert (tmp_path / "t.csv").read_text() == "old"


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError, match="is a folder"), Table(tmp_path / "folder.csv"):
        pass
    with pytest.raises(OutputError, match="No such file"), Table(tmp_path / "none" / "t.csv"):
        pass
