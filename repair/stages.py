"""What a repair says while it works: each stage, how far it is, and how long it took."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from goodnets.report import say

if TYPE_CHECKING:
    from rich.progress import Progress

Advance = Callable[[int], None]
"""Is told how many steps of a stage are done."""


class Stages:
    """Standard error: a live bar on a terminal, and a line with the seconds after each stage."""

    def __init__(self) -> None:
        self.saved = 0.0
        """Seconds that a repair would have taken besides, had it not been for work remembered from
        another one in the same process."""

    @contextmanager
    def stage(self, title: str, total: int | None = None) -> Iterator[Advance]:
        """A stage of `total` steps, if they can be counted."""
        start = time.monotonic()
        with _bar() as bar:
            if bar is None:
                yield lambda done: None
            else:
                task = bar.add_task(title, total=total)
                yield lambda done: bar.update(task, completed=done)
        say(f"{title}: {time.monotonic() - start:.1f} s")

    def note(self, text: str) -> None:
        """Something found on the way."""
        say(text)

    def warn(self, text: str) -> None:
        """Something that the user should look at."""
        say(f"warning: {text}")


@contextmanager
def _bar() -> "Iterator[Progress | None]":
    if sys.stderr is None or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    # What goes to standard output belongs there, never into the bar.
    with Progress(*columns, console=console, transient=True, redirect_stdout=False) as bar:
        yield bar
