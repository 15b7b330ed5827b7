"""The zoo's page, made from the cards: python -m repair.zoo

Writes models/README.md and, where README.md has the two marks, the table between them.
"""

import sys
from pathlib import Path
from typing import Any

from goodnets.errors import GoodNetsError
from goodnets.files import write
from goodnets.report import say
from repair.cards import Card, CardError, read_card

MODELS = Path("models")
README = Path("README.md")
BEGIN, END = "<!-- zoo: made by python -m repair.zoo -->", "<!-- end of zoo -->"

_COLUMNS = (
    "GoodNet",
    "method",
    "clean images given",
    "seconds",
    "MB",
    "clean accuracy",
    "false alarms",
    "fired poisoned images detected",
)


def cards(models: Path) -> dict[Path, Card]:
    """ONNX file -> card, for all GoodNets of a folder, in name order.

    Raises CardError where a GoodNet has no card.
    """
    return {path: read_card(path.with_suffix(".json")) for path in sorted(models.glob("*.onnx"))}


def table(models: Path) -> str:
    """A Markdown table of the GoodNets of a folder; figures are those measured last."""
    lines = [" | ".join(_COLUMNS), " | ".join("---" for _ in _COLUMNS)]
    for path, card in cards(models).items():
        try:
            lines.append(" | ".join(_row(path, card)))
        except (AttributeError, KeyError, TypeError) as error:
            raise CardError(f"{path.with_suffix('.json')}: not a card ({error!r})") from None
    return "".join(f"| {line} |\n" for line in lines)


def page(models: Path) -> str:
    """models/README.md."""
    parts = [
        "# The zoo\n",
        "Made from the cards (`NAME.json`) by `python -m repair.zoo`; `python -m repair.measure` "
        "puts the figures there. Each rate stands beside its counts.\n",
        table(models),
    ]
    for path, card in cards(models).items():
        parts += [
            f"## {card.name}\n",
            f"`{path.name}`, sha256 `{card.sha256}`, from the BadNet {card.badnet['name']}, sha256 "
            f"`{card.badnet['sha256']}`. Clean images: {card.clean['description']}. "
            f"Poisoned from score {card.threshold:g} on. Made by:\n",
            f"```\n{card.command}\n```\n",
        ]
        if card.measured:
            commands = "\n".join(measured["command"] for measured in card.measured)
            parts.append(f"Measured by:\n\n```\n{commands}\n```\n")
    return "\n".join(parts)


def between_marks(text: str, table: str, begin: str = BEGIN, end: str = END) -> str:
    """The text with the table between two marks, where it has them."""
    before, begin, rest = text.partition(begin)
    _, end, after = rest.partition(end)
    return f"{before}{begin}\n{table}{end}{after}" if end else text


def main() -> int:
    """Write the pages, in the project's folder; the exit status: 0, or 1 for an error."""
    try:
        write(MODELS / "README.md", page(MODELS).encode())
        if README.exists():
            write(README, between_marks(README.read_text("utf-8"), table(MODELS)).encode())
    except GoodNetsError as error:
        say(f"error: {error}")
        return 1
    return 0


def _row(path: Path, card: Card) -> list[str]:
    figures = card.measured[-1] if card.measured else {"clean": {}, "poisoned": {}}
    clean = figures["clean"]
    accuracy = _rate(clean.get("clean_accuracy"))
    if "badnet_accuracy" in clean:
        accuracy += f"<br>BadNet: {_rate(clean['badnet_accuracy'])}"
    alarms = _rate(clean.get("false_alarms"))
    if "strangers" in figures:
        alarms += f"<br>strangers: {_rate(figures['strangers']['false_alarms'])}"
    detected = [
        f"{trigger}: {_rate(found['detection_of_fired'])}"
        for trigger, found in figures["poisoned"].items()
    ]
    return [
        f"`{card.name}`",
        card.method["name"],
        card.clean["description"],
        f"{card.seconds:.0f}",
        f"{path.stat().st_size / 1e6:.1f}",
        accuracy,
        alarms,
        "<br>".join(detected) or "not measured",
    ]


def _rate(share: dict[str, Any] | None) -> str:
    if not share or not share["of"]:
        return "not measured"
    return f"{100 * share['count'] / share['of']:.1f} % ({share['count']}/{share['of']})"


if __name__ == "__main__":
    sys.exit(main())
