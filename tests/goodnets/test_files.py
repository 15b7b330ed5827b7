from pathlib import Path

import pytest

from goodnets.errors import OutputError
from goodnets.files import replacing, sha256, write


def test_whole_files(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"one", b"", b"three"):
        write(path, content)
        assert path.read_bytes() == content
    assert sha256(path) == "8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit, OSError, ValueError])
def test_interrupted(tmp_path: Path, stop: type[BaseException]) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    with pytest.raises(stop), replacing(path) as partial:
        partial.write_bytes(b"half")
        raise stop
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is a folder, expected a file"):
        write(tmp_path, b"")
    with pytest.raises(OutputError, match="No such file or directory"):
        write(tmp_path / "none" / "a", b"")
