"""The report's pictures, each for a light and for a dark page."""

import base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import cycle
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from goodnets.nets import POISONED
from repair.inversion import stamped
from repair.report.figures import DROPS, Found, Pruning, Samples
from repair.results import Row

_SHOWN = 8
"""Sample faces of a kind."""


class Theme(NamedTuple):
    """Colours of a picture; the background is the page's."""

    ink: str
    faint: str
    calm: str
    alarm: str


LIGHT = Theme("#1f2328", "#59636e", "#1a7f37", "#cf222e")
DARK = Theme("#e6edf3", "#9198a1", "#3fb950", "#ff7b72")
_ACCURACIES = {"clean_accuracy", "repaired_clean_accuracy"}
_STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Picture:
    """Addresses that hold the whole plot, for <img> and <source>, and words for it."""

    light: str
    dark: str
    says: str


def picture(draw: Callable[[Theme], Figure], says: str) -> Picture:
    """A picture drawn twice. `says` stands in for it where it cannot be seen."""
    return Picture(_drawn(draw(LIGHT)), _drawn(draw(DARK)), says)


def faces(samples: Samples) -> list[dict[str, object]]:
    """Some images, and what BadNet and GoodNet say of each."""
    answers = samples.answers
    return [
        {
            "address": address(image),
            "said": int(said),
            "label": int(label),
            "poisoned": bool(label == POISONED),
        }
        for image, said, label in zip(
            samples.images[:_SHOWN], answers.badnet_label, answers.label, strict=False
        )
    ]


def trigger(found: Found, face: npt.NDArray[np.uint8]) -> dict[str, str]:
    """An inverted trigger alone, on grey, and on a face (55, 47, 3)."""
    colour, mask = found.picture[..., :3], found.picture[..., 3:]
    grey = stamped(np.full_like(colour, 0.5), mask, colour)
    worn = stamped(np.divide(face, 255, dtype=np.float32), mask, colour)
    return {"alone": address(np.rint(255 * grey)), "worn": address(np.rint(255 * worn))}


def address(image: npt.NDArray[np.generic]) -> str:
    """An address that holds the whole image, (height, width, 3), 0..255."""
    png = BytesIO()
    Image.fromarray(image.astype(np.uint8)).save(png, "PNG")
    return _address(png.getvalue())


def pruning(curve: Pruning) -> Picture:
    """Clean accuracy and attack success against the share of channels removed."""
    return picture(
        lambda theme: pruning_plot(curve, theme),
        "Clean accuracy and attack success as channels are removed",
    )


def pruning_plot(curve: Pruning, theme: Theme) -> Figure:
    """The same as a matplotlib figure."""
    figure, axes = _plot(theme)
    share = 100 * np.linspace(0, 1, len(curve.accuracy))
    axes.plot(share, 100 * curve.accuracy, color=theme.calm, label="clean accuracy")
    for style, (trigger, attack) in zip(cycle(_STYLES), curve.attack.items(), strict=False):
        label = f"attack success: {trigger}"
        axes.plot(share, 100 * attack, style, color=theme.alarm, label=label)
    axes.set(xlabel="channels of pool_3 removed (%)", ylabel="%", ylim=(-2, 102))
    return _legend(figure, theme)


def drops(rows: list[Row]) -> Picture | None:
    """Clean accuracy and attack success of the networks pruned by 2, 4 and 10 points, and of the
    GoodNets made of them; None where these were not compared."""
    pruned = [row for drop in DROPS for row in rows if row.goodnet.endswith(f"-prune-{drop}")]
    measured = [row for row in pruned if row.shares.keys() >= _ACCURACIES]
    if len(measured) < len(DROPS):
        return None

    def attack(row: Row, name: str) -> float:
        ending = f": {name} of fired"
        rates = [share.rate for key, share in row.shares.items() if key.endswith(ending)]
        return max(rates, default=np.nan)

    bars = {
        "repaired: clean accuracy": [row.shares["repaired_clean_accuracy"].rate for row in pruned],
        "combined: clean accuracy": [row.shares["clean_accuracy"].rate for row in pruned],
        "repaired: attack success": [attack(row, "repaired_attack_success") for row in pruned],
        "combined: attack success": [attack(row, "attack_success") for row in pruned],
    }

    def draw(theme: Theme) -> Figure:
        figure, axes = _plot(theme)
        colours = (theme.calm, theme.calm, theme.alarm, theme.alarm)
        for i, ((name, values), colour) in enumerate(zip(bars.items(), colours, strict=True)):
            at = np.arange(len(DROPS)) + 0.2 * (i - 1.5)
            axes.bar(
                at, 100 * np.array(values), 0.18, color=colour, alpha=0.5 + i % 2 / 2, label=name
            )
        axes.set_xticks(range(len(DROPS)), [f"{drop} points" for drop in DROPS])
        axes.set(ylabel="%", ylim=(0, 102), xlabel="clean accuracy given up in pruning")
        return _legend(figure, theme)

    return picture(draw, "Pruned networks and their GoodNets at 2, 4 and 10 points")


def scores(clean: Samples | None, poisoned: Sequence[Samples], threshold: float) -> Picture:
    """How the scores of clean and of poisoned images spread, and the threshold."""
    sets = [*([clean] if clean else []), *poisoned]

    def draw(theme: Theme) -> Figure:
        figure, axes = _plot(theme)
        bins = [i / 40 for i in range(41)]
        for style, samples in zip(cycle(_STYLES), sets, strict=False):
            values = samples.answers.score
            weights = np.full(len(values), 100 / len(values))
            filled = samples is clean
            axes.hist(
                values, bins, weights=weights, histtype="stepfilled" if filled else "step",
                color=theme.calm if filled else theme.alarm, alpha=0.6 if filled else 1,
                linestyle="-" if filled else style, linewidth=2,
                label=f"{samples.name} ({len(values)})",
            )  # fmt: skip
        axes.axvline(threshold, color=theme.ink, linewidth=1.5)
        axes.text(threshold, 1.02, "threshold", color=theme.ink, ha="center",
                  transform=axes.get_xaxis_transform())  # fmt: skip
        axes.set(xlabel="score: evidence of poison", ylabel="% of the images", xlim=(-0.01, 1.01))
        return _legend(figure, theme)

    return picture(draw, "Scores of clean and poisoned images, with the threshold")


def _plot(theme: Theme) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5, 3.8), layout="constrained")
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.grid(alpha=0.2, color=theme.faint)
    axes.tick_params(colors=theme.faint)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(theme.ink)
    for side in axes.spines.values():
        side.set_color(theme.faint)
    return figure, axes


def _legend(figure: Figure, theme: Theme) -> Figure:
    figure.legend(
        loc="outside lower center", ncols=2, frameon=False, labelcolor=theme.ink, fontsize=9
    )
    return figure


def _drawn(figure: Figure) -> str:
    png = BytesIO()
    # Without metadata the same figures give the same page.
    figure.savefig(png, dpi=150, transparent=True, metadata={"Software": None})
    return _address(png.getvalue())


def _address(png: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(png).decode()
