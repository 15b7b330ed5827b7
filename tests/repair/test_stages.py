import os
import pty
import re
import subprocess
import sys

import pytest
from conftest import ROOT

from repair.stages import Stages

SCRIPT = """
from repair.stages import Stages
stages = Stages()
with stages.stage("dreaming", 10) as advance:
    for i in range(11):
        advance(i)
    stages.warn("dark")
    print("a result")
"""


def test_a_line_for_each_stage(capfd: pytest.CaptureFixture[str]) -> None:
    stages = Stages()
    with stages.stage("dreaming", 10) as advance:
        advance(5)
    stages.note("found\nsomething")
    out, err = capfd.readouterr()
    assert out == ""
    assert err == "dreaming: 0.0 s\nfound\\nsomething\n"


def test_a_stage_that_fails_is_not_called_done(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError), Stages().stage("dreaming"):
        raise ValueError
    assert capfd.readouterr().err == ""


def test_on_a_terminal() -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdout=subprocess.PIPE,
        stderr=theirs,
        cwd=ROOT,
        env=os.environ | {"TERM": "xterm"},
    ) as process:
        out, _ = process.communicate(timeout=60)
    os.close(theirs)
    err = os.read(ours, 100_000).decode()
    os.close(ours)
    assert (process.returncode, out) == (0, b"a result\n")
    assert "warning: dark" in err
    assert re.search(r"dreaming: \d\.\d s\r\n", err)
