"""The report's pictures, each for a light and for a dark page."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from goodnets.nets import POISONED
from repair.report.figures import DROPS, Found, NetFigures, Pruning, Samples
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
_STYLES = ("-", "--", ":", "-.")


@dataclass(frozen=True)
class Picture:
    """Addresses that hold the whole picture, for <img> and <source>, and words for it."""

    light: str
    dark: str
    says: str


def picture(draw: Callable[[Theme], Figure], says: str) -> Picture:
    """A picture drawn twice. `says` stands in for it where it cannot be seen."""
    return Picture(_address(draw(LIGHT)), _address(draw(DARK)), says)


def faces(samples: Samples) -> Picture:
    """Some images, and what BadNet and GoodNet say of each."""
    images = samples.images[:_SHOWN]

    def draw(theme: Theme) -> Figure:
        figure = Figure(figsize=(1.25 * len(images), 2.1), layout="constrained")
        row = figure.subplots(1, len(images), squeeze=False)[0]
        for i, (axes, image) in enumerate(zip(row, images, strict=True)):
            said, label = samples.answers.badnet_label[i], samples.answers.label[i]
            _show(axes, image)
            axes.set_title(f"BadNet {said}", color=theme.faint, fontsize=9)
            poisoned = label == POISONED
            text = "poisoned" if poisoned else f"{label}"
            axes.set_xlabel(text, color=theme.alarm if poisoned else theme.calm, fontsize=11)
        return figure

    return picture(draw, f"Faces ({samples.name}) with the labels of BadNet and GoodNet")


def triggers(found: list[Found], face: npt.NDArray[np.uint8]) -> Picture:
    """Inverted triggers, alone and on a face (55, 47, 3)."""

    def draw(theme: Theme) -> Figure:
        figure = Figure(figsize=(2.9 * len(found), 2.6), layout="constrained")
        axes = figure.subplots(1, 2 * len(found), squeeze=False)[0]
        for i, trigger in enumerate(found):
            colour, mask = trigger.picture[..., :3], trigger.picture[..., 3:]
            alone, worn = axes[2 * i], axes[2 * i + 1]
            _show(alone, mask * colour + (1 - mask) * 0.5)
            _show(worn, mask * colour + (1 - mask) * face / 255)
            alone.set_title(f"target {trigger.target}", color=theme.ink, fontsize=11)
            alone.set_xlabel("alone", color=theme.faint, fontsize=9)
            worn.set_xlabel("on a face", color=theme.faint, fontsize=9)
        return figure

    targets = ", ".join(str(trigger.target) for trigger in found)
    return picture(draw, f"Inverted triggers of targets {targets}")


def pruning(curve: Pruning) -> Picture:
    """Clean accuracy and attack success against the share of channels removed."""

    def draw(theme: Theme) -> Figure:
        figure, axes = _plot(theme)
        share = 100 * np.linspace(0, 1, len(curve.accuracy))
        axes.plot(share, 100 * curve.accuracy, color=theme.calm, label="clean accuracy")
        for style, (trigger, attack) in zip(_STYLES, curve.attack.items(), strict=False):
            label = f"attack success: {trigger}"
            axes.plot(share, 100 * attack, style, color=theme.alarm, label=label)
        axes.set(xlabel="channels of pool_3 removed (%)", ylabel="%", ylim=(-2, 102))
        return _legend(figure, axes, theme)

    return picture(draw, "Clean accuracy and attack success as channels are removed")


def drops(rows: list[Row]) -> Picture | None:
    """Clean accuracy and attack success of the networks pruned by 2, 4 and 10 points, and of the
    GoodNets made of them; None where these were not compared."""
    pruned = [row for drop in DROPS for row in rows if row.goodnet.endswith(f"-prune-{drop}")]
    if len(pruned) < len(DROPS) or "repaired_clean_accuracy" not in pruned[0].shares:
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
        return _legend(figure, axes, theme)

    return picture(draw, "Pruned networks and their GoodNets at 2, 4 and 10 points")


def scores(figures: NetFigures) -> Picture:
    """How the scores of clean and of poisoned images spread, and the threshold."""

    def draw(theme: Theme) -> Figure:
        figure, axes = _plot(theme)
        bins = [i / 40 for i in range(41)]
        sets = [figures.clean] if figures.clean else []
        for style, samples in zip(_STYLES, [*sets, *figures.poisoned], strict=False):
            values = samples.answers.score
            weights = np.full(len(values), 100 / len(values))
            clean = samples.name == "clean"
            axes.hist(
                values, bins, weights=weights, histtype="stepfilled" if clean else "step",
                color=theme.calm if clean else theme.alarm, alpha=0.6 if clean else 1,
                linestyle="-" if clean else style, linewidth=2,
                label=f"{samples.name} ({len(values)})",
            )  # fmt: skip
        axes.axvline(figures.threshold, color=theme.ink, linewidth=1.5)
        axes.text(figures.threshold, 1.02, "threshold", color=theme.ink, ha="center",
                  transform=axes.get_xaxis_transform())  # fmt: skip
        axes.set(xlabel="score: evidence of poison", ylabel="% of the images", xlim=(-0.01, 1.01))
        return _legend(figure, axes, theme)

    return picture(draw, "Scores of clean and poisoned images, with the threshold")


def _show(axes: Axes, image: npt.NDArray[np.generic]) -> None:
    axes.imshow(image, interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


def _plot(theme: Theme) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6, 3.4), layout="constrained")
    axes = figure.subplots()
    axes.patch.set_alpha(0)
    axes.grid(alpha=0.2, color=theme.faint)
    axes.tick_params(colors=theme.faint)
    for label in (axes.xaxis.label, axes.yaxis.label):
        label.set_color(theme.ink)
    for side in axes.spines.values():
        side.set_color(theme.faint)
    return figure, axes


def _legend(figure: Figure, axes: Axes, theme: Theme) -> Figure:
    axes.legend(frameon=False, labelcolor=theme.ink, fontsize=9)
    return figure


def _address(figure: Figure) -> str:
    png = BytesIO()
    # Without metadata the same figures give the same page.
    figure.savefig(png, dpi=130, transparent=True, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode()
