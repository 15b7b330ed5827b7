import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import data

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "benchmarks" / "keras_deepid.py"
BADNETS = ROOT.parent / "shared" / "badnets"
REAL = ROOT.parent / "shared" / "real"


def labels(*arguments: Path) -> list[int]:
    pytest.importorskip("tensorflow")
    done = subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"},
        check=True,
    )
    return [int(line) for line in done.stdout.splitlines()]


def test_random_weights_are_laid_out_as_keras_reads_them(tmp_path: Path) -> None:
    weights, images = tmp_path / "random_weights.h5", tmp_path / "images.h5"
    data.random_weights(weights)
    data.write_images(images, data.clean_images(40, None))
    assert len(set(labels(weights, images))) > 1


@pytest.mark.skipif(not BADNETS.exists(), reason="../shared has the real BadNets and faces")
def test_the_real_net_knows_real_faces() -> None:
    import h5py

    with h5py.File(REAL / "clean.h5") as file:
        truth = file["label"][:]
    answered = labels(BADNETS / "sunglasses_bd_weights.h5", REAL / "clean.h5")
    assert (answered == truth).mean() > 0.95
