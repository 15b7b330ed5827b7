"""Results of a comparison: kept, read again, and shown."""

import csv
import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goodnets.errors import InputError
from repair.measure import Share
from repair.results import MARKS, Row, all_kept, columns, keep, kept, main, markdown, show, table


def row(goodnet: str = "net-prune-2", method: str = "prune", right: int = 18) -> Row:
    shares = {
        "false_alarms": Share(0, 20),
        "clean_accuracy": Share(right, 20),
        "magenta: detection": Share(7, 10),
        "magenta: detection of fired": Share(7, 7),
        "magenta: attack_success of fired": Share(0, 7),
    }
    return Row(goodnet, method, shares, 12.3, 456)


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    rows = [row(), row("net-prune-4")]
    keep(tmp_path / "prune-0123456789ab.json", "images", rows)
    assert kept(tmp_path / "prune-0123456789ab.json") == ("images", rows)


@given(
    content=st.one_of(
        st.binary(max_size=99),
        st.recursive(
            st.none() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["setting", "rows", "shares", "count", "of"]), inner
                )
            ),
        ).map(lambda value: json.dumps(value).encode()),
    )
)
def test_anything_else_is_refused_in_one_line(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("kept") / "prune-0123456789ab.json"
    path.write_bytes(content)
    try:
        _, rows = kept(path)
        assert all(isinstance(row, Row) for row in rows)
    except InputError as error:
        assert "not a result of repair.compare: remove it" in str(error)
        assert "\n" not in str(error)


@pytest.mark.parametrize("count", [-1, 21, 1e999, None, "many", [1]])
def test_counts_that_cannot_be(tmp_path: Path, count: object) -> None:
    path = tmp_path / "prune-0123456789ab.json"
    keep(path, "setting", [row()])
    content = json.loads(path.read_text())
    content["rows"][0]["shares"]["clean_accuracy"]["count"] = count
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"not a result of repair\.compare"):
        kept(path)


def test_one_damaged_result_costs_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(tmp_path / "prune-0123456789ab.json", "setting", [row()])
    (tmp_path / "strip-0123456789ab.json").write_text("[" * 100_000)
    assert all_kept(tmp_path, "setting") == [row()]
    assert capsys.readouterr().err.startswith("warning: ")


def test_the_newest_of_each_goodnet_in_the_order_of_methods(tmp_path: Path) -> None:
    for i, (name, key, rows) in enumerate(
        [
            ("strip-000000000000", "new", [row("net-strip", "strip")]),
            ("prune-000000000000", "old", [row(right=1)]),
            ("prune-000000000001", "new", [row(right=2)]),
            ("prune-000000000002", "new", [row(right=3)]),
        ]
    ):
        keep(tmp_path / f"{name}.json", key, rows)
        os.utime(tmp_path / f"{name}.json", ns=(i, i))
    (tmp_path / "net-prune-2.json").write_text("a card")
    newest = [row(right=3), row("net-strip", "strip")]
    assert all_kept(tmp_path, "new") == all_kept(tmp_path) == newest
    assert all_kept(tmp_path, "old") == [row(right=1)]
    assert all_kept(tmp_path / "nothing") == []


def test_csv_has_a_line_for_each_figure() -> None:
    lines = list(csv.DictReader(io.StringIO(table([row()]).decode())))
    assert [line["figure"] for line in lines] == list(row().shares)
    first = lines[0]
    assert (first["count"], first["of"]) == ("0", "20")
    assert float(first["low"]) == 0 < float(first["high"]) < 0.2


def test_a_row_for_people() -> None:
    cells = columns(row())
    assert cells["clean accuracy"] == ["90.0 % (18/20)"]
    assert cells["fired detected"] == ["magenta: 100.0 % (7/7)"]
    assert cells["its attack success"] == ["-"]
    assert "| `net-prune-2` | 90.0 % (18/20) | 0.0 % (0/20) |" in markdown([row()])
    assert markdown([]) == ""


def test_text_has_the_intervals(capsys: pytest.CaptureFixture[str]) -> None:
    show([row()])
    assert "90.0 (70..97)" in capsys.readouterr().out


def test_the_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "compared" / "net").mkdir(parents=True)
    page = tmp_path / "page.md"
    words = ["--compared", str(tmp_path / "compared"), "--page", str(page)]
    assert main(words) == 1
    assert "no results" in capsys.readouterr().err
    keep(tmp_path / "compared" / "net" / "prune-0123456789ab.json", "images", [row()])
    assert main(words) == 1
    assert capsys.readouterr().err == f"error: {page}: No such file or directory\n"
    page.write_text("no marks")
    assert main(words) == 1
    assert "expected the marks" in capsys.readouterr().err
    page.write_bytes(b"\xff")
    assert main(words) == 1
    page.write_text(f"before\n{MARKS[0]}\nold\n{MARKS[1]}\nafter\n")
    assert main(words) == 0
    assert page.read_text() == f"before\n{MARKS[0]}\n{markdown([row()])}{MARKS[1]}\nafter\n"
