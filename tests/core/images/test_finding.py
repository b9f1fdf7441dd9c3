"""Images are found by file, folder and pattern."""

from __future__ import annotations

from pathlib import Path

import pytest

from counterpart.core.errors import UsageError
from counterpart.core.images.finding import find_images


def test_images_are_found_in_natural_order_recursively_and_once(tmp_path: Path) -> None:
    for name in ["b/img10.png", "b/img9.png", "a.PNG", ".hidden/x.png", "b/notes.txt"]:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")
    refs = find_images([tmp_path, tmp_path / "a.PNG"])
    assert [ref.name for ref in refs] == ["a.PNG", "b/img9.png", "b/img10.png"]
    globbed = find_images([str(tmp_path / "b" / "*.png")])
    assert [ref.name for ref in globbed] == ["img9.png", "img10.png"]


def test_equal_names_from_two_folders_stay_apart(tmp_path: Path) -> None:
    for folder in ["one", "two"]:
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "cat.png").write_bytes(b"x")
    names = [ref.name for ref in find_images([tmp_path / "one", tmp_path / "two"])]
    assert names == ["one/cat.png", "two/cat.png"]


def test_an_empty_folder_and_a_missing_path_are_usage_errors(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no images found"):
        find_images([tmp_path])
    with pytest.raises(UsageError, match="no such file or folder"):
        find_images([tmp_path / "nowhere"])


def test_a_file_named_like_an_augmentation_is_not_dropped(tmp_path: Path) -> None:
    """The reference code drops files whose name contains `_aug_`."""
    (tmp_path / "cat_aug_1.png").write_bytes(b"x")
    assert [ref.name for ref in find_images([tmp_path])] == ["cat_aug_1.png"]
