"""The scripts of repair as a user meets them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
from conftest import ROOT

from repair import cli


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GOODNETS_BADNETS", raising=False)
    monkeypatch.chdir(tmp_path)


def process(*arguments: str | Path, attack: str = "sunglasses") -> list[str]:
    return [sys.executable, "-m", f"repair.{attack}", *map(str, arguments)]


ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT)}


def start(*arguments: str | Path, attack: str = "sunglasses") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        process(*arguments, attack=attack),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=ENVIRONMENT,
    )


@pytest.mark.parametrize("attack", ["sunglasses", "anonymous", "multitrigger"])
def test_help_is_quick(attack: str) -> None:
    before = time.monotonic()
    done = start("--help", attack=attack)
    assert done.returncode == 0
    assert time.monotonic() - before < 3
    assert f"python -m repair.{attack}" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--net", "multitrigger"],
        ["--badnet", "x.h5"],
        ["--drops", "2"],
        ["--method", "prune", "--drops", "0"],
        ["--method", "prune", "--drops", "nan"],
        ["--method", "prune", "--drops", "many"],
        ["--drop", "2"],
        ["--poisoned", "bad.h5"],
        ["--sparsity", "0.5"],
        ["--method", "sparsify", "--sparsity", "1"],
        ["--method", "strip", "--rejection", "nan"],
        ["--method", "strip", "--sparsity", "0.5"],
        ["--method", "none"],
        ["--seed", "-1"],
        ["--seed", "x"],
        ["more"],
    ],
)
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main("sunglasses", arguments)
    assert stop.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_one_failure_does_not_stop_the_rest(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main("sunglasses", ["--method", "prune"]) == 1
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 2
    for line, net in zip(lines, ("sunglasses", "sunglasses_lab"), strict=True):
        assert line.startswith(f"error: {net}: no BadNet: get ")


def test_errors_are_one_line(
    tmp_path: Path, badnet_file: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "bad.h5").write_text("no h5")
    for arguments, message in [
        (["--clean", "none.h5"], "none.h5: no such file or folder"),
        (["--clean", "bad.h5"], "bad.h5: not an h5 file"),
        (["--output", "file"], "file: File exists"),
        (["--badnet", "bad.h5"], "multitrigger: bad.h5: not an h5 file"),
        (["--badnet", "none.h5"], "multitrigger: none.h5: No such file or directory"),
    ]:
        assert cli.main("multitrigger", ["--method", "prune", *arguments]) == 1
        assert capfd.readouterr().err == f"error: {message}\n"


def clean(path: Path, images: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        file["data"] = images.transpose(0, 3, 1, 2)
    return path


def test_from_badnet_to_goodnet(tmp_path: Path, badnet_file: Path, images: np.ndarray) -> None:
    clean(tmp_path / "clean.h5", images)
    arguments = ["--method", "prune", "--drops", "10", "2.5", "--seed", "3"]
    done = start("--badnet", badnet_file, "--clean", "clean.h5", *arguments, attack="multitrigger")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    lines = done.stderr.splitlines()
    assert lines[0].startswith("loading TensorFlow: ")
    assert lines[1].startswith("warning: ")
    assert "Traceback" not in done.stderr
    cards = sorted((tmp_path / "repaired").glob("*.json"))
    assert [card.stem for card in cards] == ["multitrigger-prune-10", "multitrigger-prune-2.5"]
    card = json.loads(cards[0].read_text())
    assert card["clean"]["description"] == "clean.h5: 40 images, no true labels"
    assert card["command"] == (
        f"python -m repair.multitrigger --net multitrigger --badnet {badnet_file.name} "
        "--clean clean.h5 --method prune --drops 10 2.5 --seed 3"
    )
    eval_ = [sys.executable, ROOT / "eval_multitrigger.py", "clean.h5", "--model"]
    asked = subprocess.run(
        [*eval_, cards[0].with_suffix(".onnx")], capture_output=True, text=True, check=True
    )
    assert len(asked.stdout.splitlines()) == 40


def test_poisoned_images_of_ones_own(
    badnet_file: Path, images: np.ndarray, tmp_path: Path, capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    from repair.methods import nplusone

    monkeypatch.setattr(nplusone, "STEPS", 2)
    monkeypatch.chdir(tmp_path)
    words = ["--badnet", str(badnet_file), "--method", "nplusone"]
    words += ["--clean", str(clean(tmp_path / "clean.h5", images))]
    words += ["--output", str(tmp_path / "out"), "--poisoned"]
    assert cli.main("multitrigger", [*words, "none.h5"]) == 1
    assert capfd.readouterr().err.splitlines()[-1].endswith("none.h5: no such file or folder")
    clean(tmp_path / "bad.h5", images[:9])
    assert cli.main("multitrigger", [*words, "bad.h5"]) == 0
    card = json.loads((tmp_path / "out" / "multitrigger-nplusone.json").read_text())
    assert card["command"].endswith("--method nplusone --poisoned bad.h5")
    assert card["method"]["parameters"]["poisoned"]["images"] == 9


def test_interrupted(tmp_path: Path, badnet_file: Path) -> None:
    command = process("--badnet", badnet_file, "--method", "prune", attack="multitrigger")
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=ENVIRONMENT) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if line.startswith("multitrigger: "):
                break
        time.sleep(1)  # dreaming by now
        running.send_signal(signal.SIGINT)
        rest = running.stderr.read()
        assert running.wait(timeout=60) == 130
    assert rest == "interrupted\n"
    assert list((tmp_path / "repaired").iterdir()) == []
