"""What is installed: one package, `counterpart`, with resources and licences, and nothing under a name of others'."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BUILT_FROM = ("core", "desktop", "resources", "LICENSE", "README.md", "pyproject.toml", "setup.py")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Names in the wheel, built from a copy: an earlier build's leftovers would get into it too."""
    source = tmp_path_factory.mktemp("source")
    for name in BUILT_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source)
    code = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"
    out = tmp_path_factory.mktemp("wheel")
    done = subprocess.run([sys.executable, "-c", code, out], cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (file,) = out.glob("*.whl")
    with zipfile.ZipFile(file) as opened:
        yield {name: opened.read(name) for name in opened.namelist()}


def test_nothing_but_the_package_reaches_site_packages(wheel):
    tops = {name.split("/")[0] for name in wheel}
    (information,) = (name for name in tops if name.endswith(".dist-info"))
    assert tops == {"counterpart", information}
    assert wheel[f"{information}/top_level.txt"].split() == [b"counterpart"]


def test_every_module_is_in_the_wheel_once_under_its_new_name(wheel):
    folders = {"core/api": "counterpart", "core": "counterpart/core", "desktop": "counterpart/desktop"}
    wanted = set()
    for file in [*(ROOT / "core").rglob("*.py"), *(ROOT / "desktop").rglob("*.py")]:
        path = file.relative_to(ROOT).as_posix()
        folder = next(folder for folder in folders if path.startswith(f"{folder}/"))
        wanted.add(folders[folder] + path.removeprefix(folder))
    assert {name for name in wheel if name.endswith(".py")} == wanted
    assert "counterpart/py.typed" in wheel


def test_resources_and_licences_travel_along(wheel):
    files = {
        file.relative_to(ROOT / "resources").as_posix() for file in (ROOT / "resources").rglob("*") if file.is_file()
    }
    below = "counterpart/core/_resources/"
    assert {name.removeprefix(below) for name in wheel if name.startswith(below)} == files
    licences = {name.split(".dist-info/licenses/")[1] for name in wheel if ".dist-info/licenses/" in name}
    assert {"LICENSE", "resources/samples/LICENSES.md"} <= licences


def test_its_commands_start_modules_that_are_in_it(wheel):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for target in (project["scripts"] | project["gui-scripts"]).values():
        module, function = target.split(":")
        assert f"def {function}(".encode() in wheel[module.replace(".", "/") + ".py"]
