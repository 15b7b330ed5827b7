"""What the report shows, as numbers, on a network of which everything is known."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from goodnets.errors import GoodNetsError
from repair.badnet import BadNet
from repair.cards import read_card
from repair.clean import Clean
from repair.measure import Share
from repair.report.figures import found_triggers, gather, pruning
from repair.results import Row, keep
from tests.repair.planted import PEOPLE, TARGET, network, people, stamp

NET = BadNet("net", "0" * 64, network())
UNKNOWN = np.full(5, -1)
LABELS = np.arange(1000, 1005)
CLEAN = Clean(people()[:60], PEOPLE[:60], "synthetic", None)


def test_the_pruning_curve() -> None:
    """The backdoor has a channel of its own, which clean images never use: it goes first."""
    bad = np.concatenate([stamp(people()[60:90]), people()[90:100]])  # ten never fire
    curve = pruning(NET, CLEAN, {"magenta": (bad, np.full(40, TARGET))})
    assert curve.accuracy.shape == curve.attack["magenta"].shape == (61,)
    assert curve.accuracy[0] == 1
    assert curve.attack["magenta"][0] == 1
    assert curve.attack["magenta"][10] < 0.1
    assert curve.accuracy[60] < 0.1


def test_gather(goodnets: Path, tmp_path: Path, weights: dict[str, np.ndarray]) -> None:
    images = people()[:10]
    figures = gather(goodnets / "net.onnx", images, compared=tmp_path)
    assert figures.photos.answers.label.shape == (10,)
    assert figures.clean is None
    assert figures.poisoned == figures.found == figures.rows == []
    (tmp_path / "net").mkdir()
    row = Row("net-prune-2", "prune", {"false_alarms": Share(0, 3)}, 1, 2)
    keep(tmp_path / "net" / "prune-0123456789ab.json", "images", [row])
    badnet = BadNet("net", read_card(goodnets / "net.json").badnet["sha256"], weights)
    figures = gather(
        goodnets / "net.onnx",
        images,
        compared=tmp_path,
        clean=CLEAN,
        poisoned={"same": (np.repeat(images[:1], 5, 0), UNKNOWN), "others": (people()[:5], LABELS)},
        badnet=badnet,
    )
    assert figures.rows == [row]
    assert figures.clean is not None
    assert figures.clean.answers.score.shape == (60,)
    assert [samples.name for samples in figures.poisoned] == ["same"]
    assert len(figures.poisoned[0].images) == 5
    assert figures.pruning is not None
    assert list(figures.pruning.attack) == ["same"]
    with pytest.raises(GoodNetsError, match="was made from another BadNet"):
        gather(goodnets / "net.onnx", images, compared=tmp_path, clean=CLEAN, badnet=NET)


def card(folder: Path, triggers: object) -> None:
    content = {
        "name": "net-neural-cleanse",
        "sha256": "0" * 64,
        "badnet": {"name": "net", "sha256": "0" * 64},
        "method": {"name": "neural-cleanse", "parameters": {"triggers": triggers}, "seed": 0},
        "threshold": 0.5,
        "clean": {"description": "none", "images": 0, "sha256": None},
        "command": "python -m repair.net",
        "seconds": 1.0,
        "libraries": {},
    }
    (folder / "net-neural-cleanse.json").write_text(json.dumps(content))


def test_found_triggers(tmp_path: Path) -> None:
    assert found_triggers(tmp_path, "net") == []
    one = {"target": 7, "index": 9.5, "pixels": 20.0, "success": 0.97}
    card(tmp_path, [one])
    with pytest.raises(GoodNetsError, match=r"^[^(]*net-neural-cleanse-7\.png: No such file"):
        found_triggers(tmp_path, "net")
    picture = tmp_path / "net-neural-cleanse-7.png"
    Image.new("RGBA", (47, 55), (255, 0, 255, 128)).save(picture)
    (found,) = found_triggers(tmp_path, "net")
    assert (found.target, found.index, found.pixels, found.success) == (7, 9.5, 20, 0.97)
    assert found.picture.shape == (55, 47, 4)
    assert found.picture[0, 0] == pytest.approx([1, 0, 1, 0.5], abs=0.01)
    Image.new("RGBA", (9, 9)).save(picture)
    with pytest.raises(GoodNetsError, match="expected 47 x 55"):
        found_triggers(tmp_path, "net")
    picture.write_bytes(b"no picture")
    with pytest.raises(GoodNetsError, match="cannot identify"):
        found_triggers(tmp_path, "net")
    Image.new("RGBA", (47, 55)).save(picture)
    with pytest.raises(GoodNetsError, match="nothing but transparent pixels"):
        found_triggers(tmp_path, "net")
    for damaged in ("x", [1], [{"target": "a"}], None, [one | {"target": 1e999}]):
        card(tmp_path, damaged)
        with pytest.raises(GoodNetsError, match="not a card of neural-cleanse"):
            found_triggers(tmp_path, "net")
