"""Wall time and peak memory of a whole process.

A process's peak counts from that of whoever started it. So a command is started by a small Python
of its own, this very file run as a script, and not by the benchmark with its arrays in memory.
"""

import json
import subprocess
import sys
import time
from typing import NamedTuple

_LAST_LINES = 5


class Run(NamedTuple):
    """One run of a command."""

    seconds: float
    peak_mib: float | None
    """None where the system does not say."""
    lines: list[str]
    """What it wrote to standard output."""


def measure(command: list[str]) -> Run:
    """Run a command to its end. Raises RuntimeError where it fails."""
    launcher = subprocess.run(
        [sys.executable, "-I", "-S", __file__, *command], capture_output=True, text=True, check=True
    )
    result = json.loads(launcher.stdout)
    if result["status"]:
        end = "\n".join(result["stderr"].splitlines()[-_LAST_LINES:])
        raise RuntimeError(f"{' '.join(command)}: exit status {result['status']}\n{end}")
    return Run(result["seconds"], result["peak_mib"], result["stdout"].splitlines())


def _launch(command: list[str]) -> None:
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    result = {
        "seconds": seconds,
        "peak_mib": _peak_mib(),
        "status": done.returncode,
        "stdout": done.stdout,
        "stderr": done.stderr,
    }
    print(json.dumps(result))


def _peak_mib() -> float | None:
    """Peak memory of the one child there was."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    _launch(sys.argv[1:])
