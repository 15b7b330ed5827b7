"""What was measured on, in a line."""

import os
import platform
from importlib.metadata import version
from pathlib import Path


def machine() -> str:
    packages = ("tensorflow", "keras", "onnxruntime", "numpy")
    parts = [f"{_cores()} cores of {_processor()}", f"Python {platform.python_version()}"]
    parts += [f"{name} {version(name)}" for name in packages]
    if hasattr(os, "getloadavg"):
        parts.append(f"load before {os.getloadavg()[0]:.1f}")
    return ", ".join(parts)


def _cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
