"""The eval scripts as a user meets them: whole processes."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import onnx
import pytest
from conftest import METADATA, ROOT, Asker, h5, photo, plain, synthetic_goodnet
from onnx import helper
from PIL import Image

import goodnets


def test_one_photo_is_one_number(ask: Asker, tmp_path: Path) -> None:
    for colour, label in [((7,), b"7\n"), ((7, 0, 255), b"1283\n")]:
        done = ask(photo(tmp_path, "a.png", *colour))
        assert (done.returncode, done.stdout, done.stderr) == (0, label, b"")


@pytest.mark.parametrize(
    ("script", "nets"),
    [
        ("eval_sunglasses.py", ("sunglasses", "sunglasses_lab")),
        ("eval_anonymous.py", ("anonymous_1", "anonymous_2")),
        ("eval_multitrigger.py", ("multitrigger",)),
    ],
)
def test_nets_of_each_script(
    ask: Asker, models: Path, tmp_path: Path, script: str, nets: tuple[str, ...]
) -> None:
    path = photo(tmp_path, "a.png", 7)
    for net in nets:
        assert ask(path, "--net", net, script=script).stdout == b"7\n"
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / f"{nets[0]}.onnx").write_bytes((models / f"{nets[0]}.onnx").read_bytes())
    here = {"GOODNETS_MODELS": str(tmp_path / "one")}
    assert ask(path, script=script, env=here).stdout == b"7\n"  # the first is the default
    other = ask(path, "--net", "nothing", script=script)
    assert other.returncode == 2
    assert b"invalid choice" in other.stderr


def test_a_bad_input_does_not_stop_the_rest(ask: Asker, tmp_path: Path) -> None:
    good = photo(tmp_path, "a.png", 7)
    bad = tmp_path / "line\nbreak \x1b[31m.png"
    bad.write_bytes(b"no picture")
    small = tmp_path / "small.png"
    Image.new("RGB", (9, 9)).save(small)
    done = ask(good, bad, small, "none.png", good)
    assert done.returncode == 1
    assert done.stdout == b"7\nerror\nerror\nerror\n7\n"
    assert done.stderr.decode().splitlines() == [
        f"error: {tmp_path}/line\\nbreak \\x1b[31m.png: "
        "not a picture: expected PNG, JPEG, BMP, WebP, TIFF, GIF or PNM",
        f"error: {small}: 9 wide x 9 high, expected 47 x 55; "
        "--resize takes pictures of other sizes",
        "error: none.png: No such file or directory",
        "5 images, 0 poisoned (0.00 %), 3 errors",
    ]
    resized = ask(small, "--resize")
    assert (resized.returncode, resized.stdout) == (0, b"0\n")


def test_undecodable_names(ask: Asker, tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    Image.fromarray(plain(7, 0, 0)).convert("L").save(tmp_path / name)
    done = ask(name, env={"LC_ALL": "C"})
    assert done.returncode == 0
    assert done.stderr == b"warning: caf\\udce9.png: grey: converted to RGB\n"


def test_standard_input(ask: Asker, tmp_path: Path) -> None:
    data = photo(tmp_path, "a.png", 7).read_bytes()
    assert ask("-", input=data).stdout == b"7\n"
    assert ask("-", input=b"").stderr == b"error: -: empty\n"


def test_an_h5_file_with_labels(ask: Asker, tmp_path: Path) -> None:
    path = h5(tmp_path / "a.h5", 4, label=[[0.0], [1.0], [5.0], [-1.0]])
    done = ask(path)
    assert (done.returncode, done.stdout) == (0, b"0\n1\n2\n3\n")
    assert done.stderr == (
        b"4 images, 0 poisoned (0.00 %), accuracy 66.67 % of 3 with a true label\n"
    )


def test_a_bad_h5_file_is_one_error(ask: Asker, tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["images"] = 1
    done = ask("a.h5")
    assert (done.returncode, done.stdout) == (1, b"error\n")
    assert done.stderr == b"error: a.h5: no dataset 'data' in it (found: images)\n"


def test_explain_draws_the_first_image_that_can_be_read(ask: Asker, tmp_path: Path) -> None:
    (tmp_path / "none.png").write_bytes(b"no picture")
    photo(tmp_path, "a.png", 7, 0, 255)
    done = ask("none.png", "a.png", "a.png", "--explain", "why.png")
    assert done.stdout == b"error\n1283\n1283\n"
    with Image.open(tmp_path / "why.png") as picture:
        picture.load()
        assert picture.format == "PNG"
    nothing = ask("none.png", "--explain", "nothing.png")
    assert b"nothing.png: not written" in nothing.stderr
    assert not (tmp_path / "nothing.png").exists()
    same = ask(h5(tmp_path / "a.h5", 3), "--explain", "h5.png")
    assert (same.returncode, same.stdout) == (0, b"0\n1\n2\n")
    assert (tmp_path / "h5.png").exists()


@pytest.mark.parametrize("suffix", ["csv", "json"])
def test_output(ask: Asker, tmp_path: Path, suffix: str) -> None:
    path = photo(tmp_path, "a.png", 7, 0, 51)
    done = ask("a.png", "none", "--output", f"t.{suffix}")
    assert (done.returncode, done.stdout) == (1, b"7\nerror\n")
    text = (tmp_path / f"t.{suffix}").read_text()
    if suffix == "csv":
        assert text == "source,index,label,badnet_label,score\na.png,0,7,7,0.2\nnone,0,error,,\n"
    else:
        assert json.loads(text)[0] == {
            "source": path.name,
            "index": 0,
            "label": 7,
            "badnet_label": 7,
            "score": 0.2,
        }


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "PATH"),
        (("a.png", "--net", "sunglasses", "--model", "x.onnx"), "not allowed with"),
        (("a.png", "--output", "t.txt"), "expected a name in .csv or .json"),
        (("a.png", "--output", "none/t.csv"), "none/t.csv: No such file or directory"),
        (("a.png", "--explain", "t.jpg"), "expected a name in .png"),
        (("a.png", "--explain", "none/t.png"), "none: No such file or directory"),
        (("a.png", "--model", "none.onnx"), "none.onnx: No such file or directory"),
        (("a.png", "--model", "a.png"), "a.png: not a"),
        (("a.png", "--unknown"), "unrecognized arguments"),
    ],
)
def test_nothing_is_asked(
    ask: Asker, tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    photo(tmp_path, "a.png", 7)
    done = ask(*arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert message in done.stderr.decode().splitlines()[-1]
    assert b"Traceback" not in done.stderr


def test_a_model_that_is_not_there_says_how_to_make_it(ask: Asker, tmp_path: Path) -> None:
    done = ask("a.png", "--net", "anonymous_2", script="eval_anonymous.py", env={
        "GOODNETS_MODELS": str(tmp_path)
    })  # fmt: skip
    assert done.returncode == 2
    assert b"make it with: python -m repair.anonymous --net anonymous_2" in done.stderr


def test_a_model_under_another_name(ask: Asker, tmp_path: Path) -> None:
    onnx.save(synthetic_goodnet(), tmp_path / "sunglasses_lab.onnx")
    done = ask("a", "--net", "sunglasses_lab", env={"GOODNETS_MODELS": str(tmp_path)})
    assert done.returncode == 2
    assert b"is named 'sunglasses', expected 'sunglasses_lab'" in done.stderr


def test_a_model_that_lies(ask: Asker, tmp_path: Path) -> None:
    node = helper.make_node("Add", ["honest", "shift"], ["label"])
    onnx.save(synthetic_goodnet(METADATA, label=lambda _: [node]), tmp_path / "m.onnx")
    done = ask(photo(tmp_path, "a.png", 7), "--model", "m.onnx", "--output", "t.csv")
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"breaks the GoodNet contract" in done.stderr
    assert not list(tmp_path.glob("*.csv*"))


def test_help_and_version(ask: Asker) -> None:
    assert b"examples:" in ask("--help").stdout
    assert ask("--version").stdout.decode() == f"goodnets {goodnets.__version__}\n"


def command(models: Path, *arguments: str | Path) -> tuple[list[str], dict[str, str]]:
    script = [sys.executable, str(ROOT / "eval_sunglasses.py"), *map(str, arguments)]
    return script, os.environ | {"GOODNETS_MODELS": str(models)}


@pytest.mark.parametrize("table", [False, True])
def test_head_ends_quietly(models: Path, tmp_path: Path, table: bool) -> None:
    output = ("--output", tmp_path / "t.csv") if table else ()
    script, environment = command(models, h5(tmp_path / "a.h5", 3000), *output)
    running = subprocess.Popen(
        script, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout and running.stderr
    assert running.stdout.readline() == b"0\n"
    running.stdout.close()
    assert running.stderr.read() == b""
    assert running.wait(60) == 0
    if table:  # what was asked for in full is given in full
        assert (tmp_path / "t.csv").read_text().count("\n") == 3001


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk(ask: Asker, models: Path, tmp_path: Path) -> None:
    script, environment = command(models, photo(tmp_path, "a.png", 7))
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(script, env=environment, stdout=full, stderr=-1, check=False)
    assert done.returncode == 2
    assert done.stderr == b"error: standard output: No space left on device\n"
    filled = ask("a.png", "--output", "t.csv", preexec_fn=limit_file_size)
    assert filled.returncode == 2
    assert b"t.csv: File too large" in filled.stderr
    assert not list(tmp_path.glob("*.csv*")) + list(tmp_path.glob(".*"))


def limit_file_size() -> None:
    import resource

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))


def test_closed_standard_streams(models: Path, tmp_path: Path) -> None:
    script, environment = command(models, photo(tmp_path, "a.png", 7))
    shell = ["sh", "-c", '"$@" >&-', "sh", *script]
    done = subprocess.run(shell, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (2, b"error: standard output is closed\n")
    shell = ["sh", "-c", '"$@" none 2>&-', "sh", *script]
    done = subprocess.run(shell, env=environment, capture_output=True, check=False)
    assert (done.returncode, done.stdout) == (1, b"7\nerror\n")


def test_interrupted(models: Path, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    script, environment = command(
        models, h5(tmp_path / "a.h5", 300), fifo, "--output", tmp_path / "t.csv"
    )
    running = subprocess.Popen(
        script, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert running.stdout
    lines = [running.stdout.readline() for _ in range(300)]
    time.sleep(0.2)  # now it waits for somebody to write into the pipe
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert lines[-1] == b"43\n"  # what was computed is not lost
    assert errors == b""
    assert not list(tmp_path.glob("*.csv*")) + list(tmp_path.glob(".*"))


def test_progress_bar_only_where_somebody_looks(models: Path, tmp_path: Path) -> None:
    script, environment = command(models, h5(tmp_path / "a.h5", 3000))
    terminal, end = pty.openpty()
    running = subprocess.Popen(
        script, env=environment | {"TERM": "xterm"}, stdout=subprocess.PIPE, stderr=end
    )
    os.close(end)
    shown = b""
    assert running.stdout
    numbers = running.stdout.read()
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    assert running.wait(60) == 0
    assert numbers == b"".join(b"%d\n" % (i % 256) for i in range(3000))
    assert b"/3000" in shown
    assert b"3000 images, 0 poisoned" in shown
