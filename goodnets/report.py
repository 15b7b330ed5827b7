"""What goes to standard error: warnings, errors, progress and the summary."""

import contextlib
import sys
from collections import Counter
from typing import Any

from goodnets.errors import printable
from goodnets.nets import POISONED

_SHOWN = 10
_LONG = 2000


def say(text: str) -> None:
    """One line on standard error; where nobody listens, none."""
    with contextlib.suppress(OSError, AttributeError):
        sys.stderr.write(printable(text) + "\n")


class Report:
    """Counts what happens and says it. Of one warning, and of the errors within one file, the first
    ten are shown and the rest counted."""

    def __init__(self) -> None:
        self.images = self.failed = 0
        self._poisoned = self._known = self._right = 0
        self._warnings: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()

    def warn(self, source: str, text: str) -> None:
        self._warnings[text] += 1
        if self._warnings[text] <= _SHOWN:
            say(f"warning: {source}: {text}")

    def error(self, source: str, index: int, text: str) -> None:
        self.images += 1
        self.failed += 1
        self._errors[source] += 1
        if self._errors[source] <= _SHOWN:
            say(f"error: {source}{f'[{index}]' if index else ''}: {text}")

    def answer(self, label: int, truth: int) -> None:
        self.images += 1
        self._poisoned += label == POISONED
        self._known += truth >= 0
        self._right += label == truth

    def close(self) -> None:
        """Say how much was not shown and, for several images, the summary."""
        for text, count in self._warnings.items():
            if count > _SHOWN:
                say(f"warning: {count - _SHOWN} more: {text}")
        for source, count in self._errors.items():
            if count > _SHOWN:
                say(f"error: {source}: {count - _SHOWN} more images cannot be used")
        if self.images > 1:
            say(self._summary())

    def _summary(self) -> str:
        answered = self.images - self.failed
        parts = [f"{self.images} images", f"{self._poisoned} poisoned"]
        if answered:
            parts[-1] += f" ({_percent(self._poisoned, answered)})"
        if self._known:
            accuracy = f"accuracy {_percent(self._right, self._known)}"
            parts.append(f"{accuracy} of {self._known} with a true label")
        if self.failed:
            parts.append(f"{self.failed} errors")
        return ", ".join(parts)


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %"


class Progress:
    """A bar on standard error, once there are many images. Where standard output is a terminal too
    there is none: the labels running by show how far things are."""

    def __init__(self) -> None:
        self._wanted = sys.stderr is not None and sys.stderr.isatty() and not sys.stdout.isatty()
        self._bar: Any = None

    def update(self, done: int, total: int) -> None:
        if self._bar is None:
            if not self._wanted or total < _LONG:
                return
            self._start()
        self._bar.update(self._bar.task_ids[0], completed=done, total=total)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.stop()

    def _start(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

        self._bar = Progress(
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            redirect_stdout=False,  # labels belong to standard output, never into the bar
            transient=True,
        )
        self._bar.add_task("images")
        self._bar.start()
