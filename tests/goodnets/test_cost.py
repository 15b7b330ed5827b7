"""What asking costs: modules that stay unloaded, memory that stays flat."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, h5, photo


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (("a.png",), ("tensorflow", "keras", "h5py", "rich", "PIL.ImageOps", "PIL.EpsImagePlugin")),
        (("a.h5", "--output", "t.csv"), ("tensorflow", "keras", "rich", "PIL.Image")),
        (("--help",), ("numpy", "onnxruntime", "PIL")),
    ],
)
def test_what_is_never_imported(
    models: Path, tmp_path: Path, arguments: tuple[str, ...], absent: tuple[str, ...]
) -> None:
    photo(tmp_path, "a.png", 7)
    h5(tmp_path / "a.h5", 3)
    code = (
        "import atexit, sys\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from goodnets.cli import main\n"
        "main('sunglasses', sys.argv[1:])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        cwd=tmp_path,
        env=os.environ | {"GOODNETS_MODELS": str(models), "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert not set(absent) & set(done.stderr.decode().split())


PEAK = (
    "import re, sys\n"
    "from pathlib import Path\n"
    "from goodnets.cli import main\n"
    "main('sunglasses', sys.argv[1:])\n"
    # ru_maxrss would count the test process that this one was forked from
    "peak = re.search(r'VmHWM:\\s*(\\d+)', Path('/proc/self/status').read_text())\n"
    "print(int(peak[1]) // 1024, file=sys.stderr)\n"
)


def peak(models: Path, *arguments: str | Path) -> int:
    """MiB."""
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *arguments],
        capture_output=True,
        env=os.environ | {"GOODNETS_MODELS": str(models), "PYTHONPATH": str(ROOT)},
        check=True,
    )
    return int(done.stderr.split()[-1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_memory_does_not_grow_with_the_file(models: Path, tmp_path: Path) -> None:
    output = ("--output", tmp_path / "t.json")
    small = peak(models, h5(tmp_path / "small.h5", 1500), *output)
    large = peak(models, h5(tmp_path / "large.h5", 6000), *output)  # 140 MB more
    assert large < small + 20
    assert peak(models, photo(tmp_path, "a.png", 7)) < 120
