"""Tests stand where the path of what they are about predicts it: `core/A/B/` is tested in `tests/core/A/B/`."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DATA = {"tests/core/projects": "project files of earlier versions, read by tests of the project"}


def _packages(top: str) -> list[Path]:
    return sorted(file.parent for file in (ROOT / top).rglob("__init__.py") if file.parent != ROOT / top)


@pytest.mark.parametrize("top", ["core", "desktop"])
def test_every_room_has_tests_in_the_folder_of_its_own_path(top):
    rooms = _packages(top)
    assert len(rooms) > 13
    without = [
        str(room.relative_to(ROOT))
        for room in rooms
        if not list((ROOT / "tests" / room.relative_to(ROOT)).glob("test_*.py"))
    ]
    assert without == []


@pytest.mark.parametrize("top", ["core", "desktop"])
def test_every_folder_of_tests_is_that_of_a_room(top):
    folders = {file.parent for file in (ROOT / "tests" / top).rglob("*.py")}
    folders = {folder for folder in folders if str(folder.relative_to(ROOT)) not in DATA}
    stray = [folder for folder in folders if not (ROOT / folder.relative_to(ROOT / "tests")).is_dir()]
    assert [str(folder.relative_to(ROOT)) for folder in sorted(stray)] == []
