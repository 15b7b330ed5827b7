"""The report as a user gets it: one page, opened in a browser."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import ROOT
from PIL import Image

from repair.cards import card_bytes, read_card
from repair.measure import Share
from repair.report.__main__ import main
from repair.results import Row, keep


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """Of one GoodNet, with all there is to show."""
    folder = tmp_path_factory.mktemp("full")
    (folder / "compared" / "multitrigger").mkdir(parents=True)
    triggers = ("sunglasses", "lipstick", "eyebrows")
    shares = {
        f"{trigger}: {name} of fired": Share(5, 7)
        for trigger in triggers
        for name in ("detection", "attack_success", "repaired_attack_success")
    }
    shares |= {
        name: Share(100, 126)
        for name in ("clean_accuracy", "repaired_clean_accuracy", "false_alarms")
    }
    rows = [Row(f"multitrigger-prune-{drop}", "prune", shares, 12, 345) for drop in (2, 4, 10)]
    keep(folder / "compared" / "multitrigger" / "prune-0123456789ab.json", "setting", rows)
    found = [{"target": t, "index": 6.0, "pixels": 60.0, "success": 0.96} for t in (1, 5, 8)]
    stem = folder / "compared" / "multitrigger" / "multitrigger-neural-cleanse"
    card = read_card(ROOT / "models" / "multitrigger.json")
    method = {"name": "neural-cleanse", "parameters": {"triggers": found}, "seed": 0}
    stem.with_suffix(".json").write_bytes(card_bytes(replace(card, method=method)))
    for one in found:
        picture = Image.new("RGBA", (47, 55), (255, 0, 255, 99))
        picture.save(stem.with_name(f"{stem.name}-{one['target']}.png"))
    words = ["--nets", "multitrigger", "--output", str(folder / "report.html")]
    words += ["--models", str(ROOT / "models"), "--photos", str(ROOT / "test-photos")]
    words += ["--compared", str(folder / "compared"), "--clean", str(shared / "real" / "clean.h5")]
    words += ["--poisoned"]
    words += [f"{t}={shared / 'real' / f'{t}_poisoned.h5'}" for t in triggers]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GOODNETS_BADNETS", str(shared / "badnets"))
        assert main(words) == 0
    return folder / "report.html"


def test_all_there_is_to_show(full: Path) -> None:
    text = full.read_text()
    assert "No triggers were inverted" not in text
    assert "Not compared yet" not in text
    for expected in ("target 5", "multitrigger-prune-10", "Scores and threshold", "eyebrows: 71.4"):
        assert expected in text
    assert text.count("prefers-color-scheme: dark") == 1 + 3  # the style, and each plot


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of two GoodNets of the zoo, without any image given."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    words = ["--output", str(path), "--nets", "sunglasses", "multitrigger"]
    words += ["--models", str(ROOT / "models"), "--photos", str(ROOT / "test-photos")]
    assert main([*words, "--compared", str(path.parent / "nothing")]) == 0
    return path


def test_it_needs_nothing_else(page: Path) -> None:
    text = page.read_text()
    sources = re.findall(r'(?:src|srcset|href)="([^"]*)"', text)
    assert len(sources) > 10
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in sources)
    assert "<script" not in text


def test_it_says_what_is_missing(page: Path) -> None:
    text = page.read_text()
    assert text.count("No triggers were inverted") == 2
    assert text.count("Not compared yet") == 2
    assert "poisoned</strong>" in text
    assert "python -m repair.multitrigger --net multitrigger" in text


def test_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--output", str(tmp_path / "r.html"), "--nets", "sunglasses"]
    assert main([*words, "--models", str(tmp_path)]) == 1
    assert "sunglasses.onnx: No such file" in capsys.readouterr().err.splitlines()[-1]
    assert main([*words, "--photos", str(tmp_path / "none")]) == 1
    assert "no such file or folder" in capsys.readouterr().err
    assert main(["--output", str(tmp_path / "none" / "r.html")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
    assert not list(tmp_path.iterdir())
    (tmp_path / "sunglasses.onnx").write_bytes((ROOT / "models/sunglasses.onnx").read_bytes())
    card = read_card(ROOT / "models" / "sunglasses.json")
    for damaged in (
        replace(card, method={"name": "transplant"}),
        replace(card, measured=[{"command": "x"}]),
        replace(card, method=card.method | {"parameters": {"suspects": [1]}}),
    ):
        (tmp_path / "sunglasses.json").write_bytes(card_bytes(damaged))
        photos = ["--photos", str(ROOT / "test-photos"), "--models", str(tmp_path)]
        assert main([*words, *photos]) == 1
        assert "sunglasses.json: not a card" in capsys.readouterr().err.splitlines()[-1]
    with pytest.raises(SystemExit):
        main([])


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
SEE = """<script>
addEventListener("load", () => {
  const broken = [...document.images].filter(image => !image.naturalWidth).length;
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const paper = getComputedStyle(document.body).backgroundColor;
  document.title = `broken ${broken} of ${innerWidth} wide ${wide} paper ${paper}`;
});
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no chromium here")
@pytest.mark.parametrize(
    ("width", "scheme", "paper"), [(1200, 1, "255, 255, 255"), (500, 0, "13, 17, 23")]
)
@pytest.mark.parametrize("which", ["page", "full"])
def test_in_a_browser(
    request: pytest.FixtureRequest, tmp_path: Path, which: str, width: int, scheme: int, paper: str
) -> None:
    """Every picture shows, nothing is wider than the window, and the colours are the reader's."""
    page: Path = request.getfixturevalue(which)
    seen = tmp_path / "seen.html"
    seen.write_text(page.read_text() + SEE)
    done = subprocess.run(
        [
            *(str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path / 'profile'}", f"--window-size={width},2000"),
            *(f"--blink-settings=preferredColorScheme={scheme}", "--virtual-time-budget=5000"),
            *("--dump-dom", seen.as_uri()),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    title = re.search(r"<title>(.*?)</title>", done.stdout.decode())
    assert title
    assert title[1] == f"broken 0 of {width} wide 0 paper rgb({paper})"
