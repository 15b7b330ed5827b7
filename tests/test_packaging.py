"""requirements.txt and pyproject.toml say the same, and the wheel leaves nothing out."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_requirements_are_those_of_the_project() -> None:
    project = PROJECT["project"]
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    listed = [line for line in lines if line and not line.startswith("#")]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    assert listed == [line for group in groups for line in group]


def test_demo_installs_what_asking_needs() -> None:
    (asking,) = re.findall(r"^ASKING = (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    names = [re.split("[<>=]", line)[0] for line in PROJECT["project"]["dependencies"]]
    assert asking.split() == names


def test_every_package_and_script_is_in_the_wheel() -> None:
    wheel = PROJECT["tool"]["setuptools"]
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for room in ("goodnets", "repair")
        for path in ROOT.glob(f"{room}/**/__init__.py")
    }
    assert set(wheel["packages"]) == packages | {"goodnets.models"}
    assert set(wheel["py-modules"]) == {path.stem for path in ROOT.glob("eval_*.py")}


def test_every_file_that_code_reads_is_in_the_wheel() -> None:
    data = PROJECT["tool"]["setuptools"]["package-data"]
    for room in ("goodnets", "repair"):
        for path in (ROOT / room).rglob("*"):
            if path.is_file() and path.suffix not in (".py", ".pyc"):
                package = ".".join(path.parent.relative_to(ROOT).parts)
                assert path.name in data.get(package, []), path


def test_every_dependency_is_explained() -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            assert f"| `{re.split('[<>=]', line)[0]}` |" in text, line
