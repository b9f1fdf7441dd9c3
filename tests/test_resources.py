"""Where the program's own files are found, and what is said when they are not."""

import re
from pathlib import Path

import pytest

from counterpart.core import resources
from counterpart.core.errors import CounterpartError


@pytest.fixture
def installation(tmp_path, monkeypatch):
    """An empty installation: the folder that would hold the package `core`."""
    package = tmp_path / "core"
    package.mkdir()
    monkeypatch.setattr(resources, "_HERE", package)
    return package


def test_a_checkout_finds_its_top_level_resources(installation):
    (installation.parent / "resources").mkdir()
    (installation.parent / "resources" / "models.json").touch()
    assert resources.resource_path("models.json") == installation.parent / "resources" / "models.json"


def test_an_installation_prefers_its_own_resources_to_a_strangers_folder_beside_it(installation):
    (installation.parent / "resources").mkdir()
    (installation / "_resources" / "samples").mkdir(parents=True)
    assert resources.resource_path("samples") == installation / "_resources" / "samples"


def test_a_missing_file_is_named_together_with_what_to_do(installation):
    (installation / "_resources").mkdir()
    with pytest.raises(CounterpartError, match=r"icons.*Install the program again"):
        resources.resource_path("icons")


def test_missing_resources_are_named_together_with_what_to_do(installation):
    with pytest.raises(CounterpartError, match=r"_resources.*Install the program again"):
        resources.resource_root()


def test_the_resources_of_this_checkout_are_found():
    assert resources.resource_root().is_dir()


def test_every_drawing_is_used_by_the_window_and_every_one_that_actions_name_is_there():
    root = Path(__file__).resolve().parents[1]
    source = "".join(file.read_text(encoding="utf-8") for file in (root / "desktop").rglob("*.py"))
    drawn = {file.stem for file in (root / "resources" / "icons").glob("*.svg")}
    assert {name for name in drawn if f'"{name}"' not in source} == set()
    assert set(re.findall(r'\bicon="([\w-]+)"', source)) <= drawn
