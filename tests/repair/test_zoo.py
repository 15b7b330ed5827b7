import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT

from repair import zoo
from repair.cards import card_bytes, read_card


@pytest.fixture
def folder(goodnets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(goodnets, tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rate(count: int, of: int) -> dict[str, object]:
    return {"count": count, "of": of, "rate": count / of if of else None, "interval": [0, 1]}


def test_table(folder: Path) -> None:
    models = folder / "models"
    card = read_card(models / "net.json")
    (row,) = zoo.table(models).splitlines()[2:]
    assert row.startswith("| `net` | never | none: dreamed faces | ")
    assert row.endswith(" | not measured | not measured | not measured |")
    measured = {
        "command": "measure it",
        "clean": {
            "clean_accuracy": rate(122, 126),
            "badnet_accuracy": rate(126, 126),
            "false_alarms": rate(1, 126),
        },
        "poisoned": {
            "lipstick": {"detection_of_fired": rate(7, 7)},
            "brows": {"detection_of_fired": rate(0, 0)},
        },
        "strangers": {"false_alarms": rate(3, 9000)},
    }
    (models / "net.json").write_bytes(card_bytes(replace(card, measured=[measured])))
    table = zoo.table(models)
    assert len({line.count("|") for line in table.splitlines()}) == 1
    assert table.splitlines()[2].endswith(
        " | 96.8 % (122/126)<br>BadNet: 100.0 % (126/126) "
        "| 0.8 % (1/126)<br>strangers: 0.0 % (3/9000) "
        "| lipstick: 100.0 % (7/7)<br>brows: not measured |"
    )
    page = zoo.page(models)
    for part in (table, card.sha256, "python -m repair.net", "measure it"):
        assert part in page


def test_main_writes_both_pages(folder: Path) -> None:
    text = f"before\n{zoo.BEGIN}\nold\n{zoo.END}\nafter\n"
    (folder / "README.md").write_text(text)
    assert zoo.main() == 0
    models = folder / "models"
    assert (models / "README.md").read_text() == zoo.page(models)
    expected = f"before\n{zoo.BEGIN}\n{zoo.table(models)}{zoo.END}\nafter\n"
    assert (folder / "README.md").read_text() == expected
    assert zoo.main() == 0
    assert (folder / "README.md").read_text() == expected


def test_without_marks_nothing_changes() -> None:
    for text in ("", "text", f"{zoo.BEGIN} but no end", zoo.END):
        assert zoo.between_marks(text, "table\n") == text


def test_errors_are_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = folder / "models"
    card = read_card(models / "net.json")
    (models / "net.json").write_bytes(card_bytes(replace(card, measured=[{"clean": 7}])))
    assert zoo.main() == 1
    assert "net.json: not a card" in capsys.readouterr().err
    (models / "net.json").unlink()
    assert zoo.main() == 1
    assert "net.json: No such file" in capsys.readouterr().err
    assert not (models / "README.md").exists()


def test_the_projects_own_pages_are_up_to_date() -> None:
    models = ROOT / "models"
    if not (models / "README.md").exists():
        pytest.skip("the zoo has no page yet: python -m repair.zoo writes it")
    assert (models / "README.md").read_text("utf-8") == zoo.page(models)
    readme = ROOT / "README.md"
    if readme.exists():
        text = readme.read_text("utf-8")
        assert zoo.between_marks(text, zoo.table(models)) == text
