import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measure import measure


def test_time_and_lines() -> None:
    run = measure([sys.executable, "-c", "import time; time.sleep(0.3); print(1); print(2)"])
    assert run.lines == ["1", "2"]
    assert 0.3 <= run.seconds < 10


def test_failure_says_which_and_why() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)exit status 3.*no such net"):
        measure([sys.executable, "-c", "import sys; sys.stderr.write('no such net'); sys.exit(3)"])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="no /proc here")
def test_peak_is_the_commands_own_and_not_that_of_its_starter() -> None:
    held = np.ones(25 * 2**20)  # 200 MiB
    status = "/proc/self/status"
    code = f"a = bytearray(b'x' * (50 << 20)); print(open({status!r}).read())"
    run = measure([sys.executable, "-c", code])
    (itself,) = (int(line.split()[1]) / 1024 for line in run.lines if line.startswith("VmHWM"))
    assert run.peak_mib is not None and held.all()
    assert run.peak_mib == pytest.approx(itself, rel=0.1)
    assert 50 < run.peak_mib < 150
