"""Methods are measured on images they never see, and a result is never computed twice."""

import json
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from goodnets.files import sha256
from repair import compare as module
from repair import deepid, graph
from repair.badnet import BadNet
from repair.clean import Clean, no_images
from repair.compare import Evaluation, compare, main, read_evaluation
from repair.graph import op
from repair.measure import Share
from repair.methods.base import Method, Product
from repair.results import Row
from repair.runner import Run
from repair.stages import Stages
from tests.repair.planted import PEOPLE, TARGET, network, people, stamp

NET = BadNet("net", "0" * 64, network())


class Suspicious(Method):
    """Calls whatever gets the target poisoned; knows what it must not."""

    name = "suspicious"
    runs = 0

    @property
    def parameters(self) -> dict[str, object]:
        return {}

    def repair(self, badnet: BadNet, clean: Clean, stages: Stages, seed: int) -> Iterator[Product]:
        assert len(clean) == 0
        type(self).runs += 1
        image = graph.image()
        label = graph.answer(graph.logits(badnet.weights, graph.pixels(image)))
        images = people()[:8]
        said = deepid.predict(badnet.weights, images).argmax(1)
        yield Product(
            stem=f"{badnet.name}-suspicious",
            image=image,
            badnet_label=label,
            score=op.cast(op.equal(label, op.const(np.int64(TARGET))), to=np.float32),
            threshold=0.5,
            check_images=images,
            check_badnet_label=said,
            check_score=np.zeros(8, np.float32),
        )


def suspicious(badnet: BadNet = NET, seed: int = 0) -> Run:
    return Run(badnet, no_images(), Suspicious(), seed, "command")


def h5(path: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        file["data"] = images.transpose(0, 3, 1, 2)
        file["label"] = labels
    return path


@pytest.fixture
def evaluation(tmp_path: Path) -> Evaluation:
    """Of 20 clean images 2 have a wrong label; 3 of 10 poisoned ones have no trigger."""
    truth = PEOPLE[:20].copy()
    truth[:2] += 1
    (tmp_path / "out").mkdir()
    clean = h5(tmp_path / "clean.h5", people()[:20], truth)
    bad = np.concatenate([stamp(people()[20:27]), people()[27:30]])
    poisoned = h5(tmp_path / "bad.h5", bad, np.full(10, -1))
    return read_evaluation(NET, clean, {"magenta": poisoned})


@pytest.fixture(autouse=True)
def _methods(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Suspicious, "runs", 0)
    monkeypatch.setattr(module, "load_method", lambda name: Suspicious)


def test_figures(evaluation: Evaluation, tmp_path: Path) -> None:
    (row,) = compare(suspicious(), evaluation, tmp_path / "out")
    assert row.shares == {
        "false_alarms": Share(0, 20),
        "clean_accuracy": Share(18, 20),
        "magenta: detection": Share(7, 10),
        "magenta: detection of fired": Share(7, 7),
        "magenta: attack_success": Share(0, 10),
        "magenta: attack_success of fired": Share(0, 7),
    }


def test_the_repaired_network_is_measured_too(evaluation: Evaluation, tmp_path: Path) -> None:
    from repair.agreement import agreement

    class Same(Suspicious):
        """A repair that repairs nothing."""

        def repair(
            self, badnet: BadNet, clean: Clean, stages: Stages, seed: int
        ) -> Iterator[Product]:
            yield agreement("net-same", badnet, badnet.weights, people()[:40], {})

    (path,) = Run(NET, no_images(), Same(), 0, "command").write(tmp_path, Stages())
    shares = module.measure(path, NET, "same", evaluation).shares
    assert shares["repaired_clean_accuracy"] == shares["clean_accuracy"] == Share(18, 20)
    assert shares["magenta: repaired_attack_success of fired"] == Share(7, 7)
    assert shares["magenta: detection"] == Share(0, 10)


def test_nothing_is_done_twice(evaluation: Evaluation, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    rows = compare(suspicious(), evaluation, folder)
    assert compare(suspicious(), evaluation, folder) == rows
    assert Suspicious.runs == 1
    compare(suspicious(seed=1), evaluation, folder)  # another seed
    other = BadNet("net", "1" * 64, network())
    compare(suspicious(other), evaluation, folder)
    assert Suspicious.runs == 3


def test_an_interrupted_method_leaves_no_result(
    evaluation: Evaluation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*arguments: object) -> Row:
        raise KeyboardInterrupt

    folder = tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, "measure", interrupted)
        compare(suspicious(), evaluation, folder)
    assert not list(folder.glob("suspicious-*.json"))
    assert compare(suspicious(), evaluation, folder)
    assert Suspicious.runs == 2


def test_other_images_have_another_key(evaluation: Evaluation, tmp_path: Path) -> None:
    clean = h5(tmp_path / "other.h5", people()[1:20], PEOPLE[1:20])
    assert sha256(clean) != sha256(tmp_path / "clean.h5")
    poisoned = {"magenta": tmp_path / "bad.h5"}
    assert read_evaluation(NET, clean, poisoned).key != evaluation.key
    assert read_evaluation(NET, tmp_path / "clean.h5", poisoned).key == evaluation.key


def test_other_settings_are_another_table(evaluation: Evaluation) -> None:
    runs = [
        suspicious(),
        suspicious(seed=1),
        suspicious(BadNet("net", "1" * 64, network())),
        Run(NET, Clean(people()[:2], PEOPLE[:2], "two", None), Suspicious(), 0, "command"),
    ]
    assert len({module.run_key(run, evaluation) for run in runs}) == 4


def test_folders_are_told_apart_by_their_pictures(tmp_path: Path) -> None:
    keys = []
    for folder, first in (("a", 0), ("b", 2), ("c", 0)):
        (tmp_path / folder / "faces").mkdir(parents=True)
        for i in range(2):
            picture = Image.fromarray(people()[first + i])
            picture.save(tmp_path / folder / "faces" / f"{i}.png")
        keys.append(read_evaluation(NET, tmp_path / folder / "faces", {}).key)
    assert keys[0] == keys[2] != keys[1]


def test_other_given_images_are_another_result(evaluation: Evaluation, tmp_path: Path) -> None:
    class Given(Suspicious):
        def repair(
            self, badnet: BadNet, clean: Clean, stages: Stages, seed: int
        ) -> Iterator[Product]:
            return super().repair(badnet, no_images(), stages, seed)

    for images in (people()[:2], people()[2:4]):
        given = Clean(images, PEOPLE[:2], "faces: 2 images", None)
        compare(Run(NET, given, Given(), 0, "command"), evaluation, tmp_path / "out")
    assert len(list((tmp_path / "out").glob("suspicious-*.json"))) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--net", "nobody", "--clean", "c.h5"], "invalid choice"),
        (["--net", "sunglasses"], "required: --clean"),
        (["--net", "sunglasses", "--clean", "c.h5", "--poisoned", "x"], "expected TRIGGER=FILE.h5"),
        (["--net", "sunglasses", "--clean", "c.h5", "--methods", "luck"], "invalid choice"),
        (
            ["--net", "sunglasses", "--clean", "c.h5", "--poisoned", "a=1.h5", "a=2.h5"],
            "named twice",
        ),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_the_command(
    evaluation: Evaluation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from repair import badnet
    from repair.weights import write_weights

    monkeypatch.setattr(badnet, "load", lambda path, name, *rest: BadNet(name, "0" * 64, network()))
    (tmp_path / "badnet.h5").write_bytes(write_weights(network()))
    words = ["--net", "sunglasses", "--badnet", str(tmp_path / "badnet.h5")]
    words += ["--clean", str(tmp_path / "clean.h5"), "--methods", "prune"]
    words += ["--poisoned", f"magenta={tmp_path / 'bad.h5'}", "--output", str(tmp_path / "out")]
    assert main(words) == 0
    assert "sunglasses-suspicious" in capsys.readouterr().out
    rows = (tmp_path / "out" / "sunglasses" / "compared.csv").read_text().splitlines()
    assert len(rows) == 7
    page = (tmp_path / "out" / "sunglasses" / "compared.md").read_text()
    assert "`sunglasses-suspicious` | 90.0 % (18/20)" in page
    card = json.loads((tmp_path / "out/sunglasses/sunglasses-suspicious.json").read_text())
    again = "python -m repair.sunglasses --net sunglasses --badnet badnet.h5 --method prune"
    assert card["command"] == again
    assert main(words) == 0
    assert "kept from before" in capsys.readouterr().err
    assert Suspicious.runs == 1
    assert main([*words, "--clean", str(tmp_path / "nothing.h5")]) == 1
    assert "no such file" in capsys.readouterr().err
    assert main([*words, "--output", str(tmp_path / "clean.h5")]) == 1
    assert capsys.readouterr().err.startswith("error: ")
