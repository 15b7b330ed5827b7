"""The report as a user gets it: one page, opened in a browser."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

from repair.report.__main__ import main


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
    with pytest.raises(SystemExit):
        main([])


BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
SEE = """<script>
addEventListener("load", () => {
  const broken = [...document.images].filter(image => !image.naturalWidth).length;
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  const paper = getComputedStyle(document.body).backgroundColor;
  document.title = `broken ${broken} wide ${wide} paper ${paper}`;
});
</script>"""


@pytest.mark.skipif(BROWSER is None, reason="no chromium here")
@pytest.mark.parametrize(
    ("width", "scheme", "paper"), [(1200, 1, "255, 255, 255"), (400, 0, "13, 17, 23")]
)
def test_in_a_browser(page: Path, tmp_path: Path, width: int, scheme: int, paper: str) -> None:
    """Every picture shows, nothing is wider than the window, and the colours are the reader's."""
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
    assert title[1] == f"broken 0 wide 0 paper rgb({paper})"
