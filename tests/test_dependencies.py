"""What is imported is declared in `pyproject.toml`, and what is declared is imported."""

import ast
import functools
import re
import sys
import tomllib
from pathlib import Path

import pytest

import dev

ROOT = Path(__file__).resolve().parents[1]
DECLARED = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
OWN = {"counterpart", "tests", "docs", "dev"}

# Distributions whose package has another name.
PACKAGES = {
    "faiss-cpu": {"faiss"},
    "opencv-python-headless": {"cv2"},
    "pi-heif": {"pi_heif"},
    "pillow": {"PIL"},
    "protobuf": {"google"},
    "pyside6-essentials": {"PySide6", "shiboken6"},
    "pyyaml": {"yaml"},
    "opentsne": {"openTSNE"},
    "scikit-learn": {"sklearn"},
    "sleap-io": {"sleap_io"},
}
# Declared and imported by nothing here, for a reason.
NOT_IMPORTED = {
    "torchvision": "timm imports it, and leaves open which build; its versions name the one torch they were built for",
    "pytest-qt": "a plugin, which pytest finds by itself",
    "pytest-xdist": "a plugin, which pytest finds by itself",
    "import-linter": "a check, run by dev.py",
    "mypy": "a check, run by dev.py",
    "ruff": "a check, run by dev.py",
}


def distributions(requirements: list[str]) -> set[str]:
    """Names of the distributions that requirements name, in lower case; extras of the project itself are followed."""
    found = set()
    for requirement in requirements:
        name, extras = re.fullmatch(r"([\w.-]+)(?:\[([\w,-]+)\])?.*", requirement).groups()
        if name == "counterpart":
            for extra in extras.split(","):
                found |= distributions(DECLARED["optional-dependencies"][extra])
        else:
            found.add(name.lower())
    return found


def packages(names: set[str]) -> set[str]:
    """Top-level packages that distributions bring."""
    return {package for name in names for package in PACKAGES.get(name, {name})}


@functools.cache
def third_party(*places: str) -> frozenset[str]:
    """Top-level packages imported anywhere under folders of the repository, by statement or by name."""
    found = set()
    for file in (file for place in places for file in (ROOT / place).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    found |= {alias.name for alias in names}
                case ast.ImportFrom(module=str(module)):
                    found.add(module)
                case ast.Call(
                    func=ast.Attribute(attr="import_module" | "importorskip"),
                    args=[ast.Constant(value=str(module)), *_],
                ):
                    found.add(module)
    return frozenset(module.partition(".")[0] for module in found) - sys.stdlib_module_names - OWN


REQUIRED = distributions(DECLARED["dependencies"])
OPTIONAL = {
    name: distributions(requirements)
    for name, requirements in DECLARED["optional-dependencies"].items()
    if name not in {"test", "bundle", "dev"}
}
TESTED_WITH = distributions([each for name in dev.EXTRAS["test"] for each in DECLARED["optional-dependencies"][name]])


def test_everything_that_the_program_imports_is_declared():
    assert third_party("core", "desktop") <= packages(REQUIRED.union(*OPTIONAL.values()))


@pytest.mark.parametrize("extra", [None, *OPTIONAL])
def test_everything_that_is_declared_is_imported_by_the_program(extra):
    declared = REQUIRED if extra is None else OPTIONAL[extra]
    used = third_party("core", "desktop")
    assert {name for name in declared if not packages({name}) & used} <= set(NOT_IMPORTED)


def test_everything_that_tests_and_pictures_import_is_installed_by_the_set_up_script():
    assert third_party("tests", "docs") <= packages(REQUIRED | TESTED_WITH)


def test_everything_that_is_declared_for_tests_is_imported_by_them():
    only_tests = TESTED_WITH - REQUIRED.union(*OPTIONAL.values())
    used = third_party("tests", "docs")
    assert {name for name in only_tests if not packages({name}) & used} <= set(NOT_IMPORTED)


def test_exceptions_are_still_declared_and_still_imported_by_nothing():
    assert set(NOT_IMPORTED) <= REQUIRED | TESTED_WITH
    assert packages(set(NOT_IMPORTED)) & (third_party("core", "desktop") | third_party("tests", "docs")) == set()
