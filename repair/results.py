"""Results of repair.compare: kept on disk as they come, and shown as CSV, Markdown or text.

python -m repair.results puts the tables of compared/ into docs/methods.md.
"""

import argparse
import csv
import io
import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goodnets.errors import GoodNetsError, InputError, reason
from goodnets.files import write
from goodnets.report import say
from repair.measure import Share, as_json
from repair.methods import METHODS
from repair.zoo import between_marks

FOLDER = Path("compared")
PAGE = Path("docs/methods.md")
MARKS = "<!-- compared: made by python -m repair.results -->", "<!-- end of compared -->"
_NAME = re.compile(r".+-[0-9a-f]{12}\.json")
"""Of a kept result: method and key. Cards lie beside them."""


@dataclass(frozen=True)
class Row:
    """Figures of one GoodNet; `repaired` ones are of the repaired network, where there is one."""

    goodnet: str
    method: str
    shares: dict[str, Share]
    """Figure -> share; of each trigger `TRIGGER: figure`."""
    repair_seconds: float
    microseconds_per_image: float


def keep(path: Path, setting: str, rows: Sequence[Row]) -> None:
    """Write the rows of one method; `setting` is the key of all that they may be compared under."""
    content = {"setting": setting, "rows": [as_json(vars(row)) for row in rows]}
    write(path, (json.dumps(content, indent=2) + "\n").encode())


def kept(path: Path) -> tuple[str, list[Row]]:
    """What `keep` wrote: the setting's key and the rows. Raises InputError for anything else."""
    try:
        content = json.loads(path.read_bytes())
        return str(content["setting"]), [_row(row) for row in content["rows"]]
    except (OSError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise InputError(
            f"{path}: not a result of repair.compare: remove it ({reason(error)})"
        ) from None


def all_kept(folder: Path, setting: str | None = None) -> list[Row]:
    """All rows in a net's folder of the setting with this key (None: that of the newest result),
    methods in the order of METHODS, of each the newest. Damaged results are passed over with a
    warning: others took long to make."""
    files = [path for path in folder.glob("*.json") if _NAME.fullmatch(path.name)]
    files.sort(key=lambda path: path.stat().st_mtime_ns)
    results = []
    for path in files:
        try:
            results.append(kept(path))
        except InputError as error:
            say(f"warning: {error}")
    if setting is None and results:
        setting = results[-1][0]
    newest = {row.goodnet: row for key, rows in results if key == setting for row in rows}
    order = {method: i for i, method in enumerate(METHODS)}
    return sorted(newest.values(), key=lambda row: order.get(row.method, len(order)))


def table(rows: Sequence[Row]) -> bytes:
    """All figures as CSV, one line for each: rate, interval, count and number of images."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(
        ("goodnet", "method", "figure", "rate", "low", "high", "count", "of", "seconds", "us_image")
    )
    for row in rows:
        for name, figure in row.shares.items():
            low, high = figure.interval
            numbers = (f"{number:.6f}" for number in (figure.rate, low, high))
            out.writerow(
                (
                    *(row.goodnet, row.method, name, *numbers, figure.count, figure.of),
                    *(row.repair_seconds, row.microseconds_per_image),
                )
            )
    return text.getvalue().encode()


def columns(row: Row) -> dict[str, list[str]]:
    """A row for people: column -> lines. Of triggers, fired images are counted."""

    def of(name: str) -> list[str]:
        return [_text(row.shares[name])] if name in row.shares else ["-"]

    def each(name: str) -> list[str]:
        ending = f": {name} of fired"
        return [
            f"{key.removesuffix(ending)}: {_text(figure)}"
            for key, figure in row.shares.items()
            if key.endswith(ending)
        ] or ["-"]

    return {
        "GoodNet": [row.goodnet],
        "clean accuracy": of("clean_accuracy"),
        "false alarms": of("false_alarms"),
        "fired detected": each("detection"),
        "attack success of fired": each("attack_success"),
        "repaired network: clean accuracy": of("repaired_clean_accuracy"),
        "its attack success": each("repaired_attack_success"),
        "seconds": [f"{row.repair_seconds:.0f}"],
        "us an image": [f"{row.microseconds_per_image:,.0f}"],
    }


def markdown(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table."""
    if not rows:
        return ""
    lines = [list(columns(rows[0])), ["---"] * len(columns(rows[0]))]
    for row in rows:
        name, *rest = columns(row).values()
        lines.append([f"`{name[0]}`", *("<br>".join(cell) for cell in rest)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show(rows: Sequence[Row]) -> None:
    """Print the rows, a figure a line, rates in percent with their intervals."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table

    shown = Table("", *(row.goodnet for row in rows), box=SIMPLE)
    for name in dict.fromkeys(name for row in rows for name in row.shares):
        of = max(row.shares[name].of for row in rows if name in row.shares)
        title = f"{name.replace('_', ' ')}, % of {of}"
        shown.add_row(title, *(_cell(row.shares.get(name)) for row in rows))
    shown.add_row("seconds to repair", *(f"{row.repair_seconds:.0f}" for row in rows))
    shown.add_row("us an image", *(f"{row.microseconds_per_image:,.0f}" for row in rows))
    Console(highlight=False, width=None if sys.stdout.isatty() else 160).print(shown)


def main(argv: Sequence[str] | None = None) -> int:
    """Put the tables into the page; the exit status: 0, or 1 for an error."""
    parser = argparse.ArgumentParser(
        prog="python -m repair.results",
        description=f"Put the results in {FOLDER}/ into {PAGE}, between its two marks.",
        allow_abbrev=False,
    )
    parser.add_argument("--compared", metavar="FOLDER", type=Path, default=FOLDER)
    parser.add_argument("--page", metavar="FILE.md", type=Path, default=PAGE)
    arguments = parser.parse_args(argv)
    try:
        nets = sorted(path for path in arguments.compared.glob("*") if path.is_dir())
        rows = [row for net in nets for row in all_kept(net)]
        if not rows:
            raise InputError(f"{arguments.compared}: no results, expected those of repair.compare")
        text = arguments.page.read_text("utf-8")
        if not all(mark in text for mark in MARKS):
            raise InputError(f"{arguments.page}: expected the marks {' and '.join(MARKS)}")
        write(arguments.page, between_marks(text, markdown(rows), *MARKS).encode())
    except GoodNetsError as error:
        say(f"error: {error}")
        return 1
    except (OSError, UnicodeDecodeError) as error:
        say(f"error: {arguments.page}: {reason(error)}")
        return 1
    return 0


def _text(figure: Share) -> str:
    return f"{100 * figure.rate:.1f} % ({figure.count}/{figure.of})" if figure.of else "no image"


def _cell(figure: Share | None) -> str:
    if figure is None or not figure.of:
        return ""
    low, high = (100 * end for end in figure.interval)
    return f"{100 * figure.rate:.1f} ({low:.0f}..{high:.0f})"


def _row(kept: dict[str, Any]) -> Row:
    shares = {}
    for name, value in kept["shares"].items():
        share = shares[str(name)] = Share(int(value["count"]), int(value["of"]))
        if not 0 <= share.count <= share.of:
            raise ValueError(f"{share.count} of {share.of} images")
    seconds, microseconds = (
        float(kept[name]) for name in ("repair_seconds", "microseconds_per_image")
    )
    return Row(str(kept["goodnet"]), str(kept["method"]), shares, seconds, microseconds)


if __name__ == "__main__":
    sys.exit(main())
