"""Two commands asked about the same files, in turns."""

import statistics
from pathlib import Path
from typing import NamedTuple

from benchmarks.measure import Run, measure
from goodnets.nets import POISONED


class Side(NamedTuple):
    """What one command needed, over all rounds."""

    seconds: float
    """Median."""
    peak_mib: float | None
    """Highest; None where the system does not say."""
    poisoned: float
    """Share of the images answered with 1283."""


class Goal(NamedTuple):
    """What the GoodNet may need."""

    share: float
    """At most, of the time that Keras needs."""
    mib: int
    """Less than this peak memory."""

    def __str__(self) -> str:
        return f"at most {self.share:g} of the time of Keras, under {self.mib} MiB"

    def met(self, goodnet: Side, keras: Side) -> bool:
        """Memory that is not known is not held against the GoodNet."""
        small = goodnet.peak_mib is None or goodnet.peak_mib < self.mib
        return small and goodnet.seconds <= self.share * keras.seconds


def compare(commands: list[list[str]], path: Path, images: int, rounds: int) -> list[Side]:
    """Measure commands, to which the path of a file with so many images is appended, in turns.

    A first run of each is not counted: it brings the files into memory. Raises RuntimeError where
    a command fails or does not print a line for each image.
    """
    runs: list[list[Run]] = [[] for _ in commands]
    for _ in range(1 + rounds):
        for command, its_runs in zip(commands, runs, strict=True):
            run = measure([*command, str(path)])
            if len(run.lines) != images:
                raise RuntimeError(
                    f"{' '.join(command)} {path}: {len(run.lines)} lines, expected {images}"
                )
            its_runs.append(run)
    return [summary(its_runs[1:]) for its_runs in runs]


def summary(runs: list[Run]) -> Side:
    lines = runs[0].lines
    return Side(
        seconds=statistics.median(run.seconds for run in runs),
        peak_mib=max((run.peak_mib for run in runs if run.peak_mib is not None), default=None),
        poisoned=lines.count(str(POISONED)) / len(lines),
    )
