"""Images are found by file, folder and pattern."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from counterpart.core.errors import UsageError
from counterpart.core.images.finding import find_images, search_images

posix = pytest.mark.skipif(os.name == "nt", reason="links and pipes as POSIX has them")


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


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


def unknown_encoding(folder: Path, name: bytes = b"caf\xe9.jpg") -> Path:
    """A file whose name is not UTF-8."""
    place = os.path.join(os.fsencode(folder), name)  # noqa: PTH118  # names as bytes
    try:
        os.makedirs(os.path.dirname(place), exist_ok=True)  # noqa: PTH103, PTH120
        with open(place, "wb") as file:  # noqa: PTH123
            file.write(b"x")
    except OSError:
        pytest.skip("this disk takes only names that are text")
    return Path(os.fsdecode(place))


def test_what_is_left_out_is_counted_in_one_line(tmp_path: Path) -> None:
    put(*(tmp_path / f"{number}.txt" for number in range(8)), *(tmp_path / f"{number}.MOV" for number in range(3)))
    put(tmp_path / "cat.jpg", tmp_path / "sub" / ".hidden.jpg", tmp_path / ".thumbs" / "a.jpg")
    put(tmp_path / ".DS_Store", tmp_path / "Thumbs.db", tmp_path / "._cat.jpg")
    put(
        *(tmp_path / name for name in ("frames.json", ".counterpart-export.json", "a.counterpart", "a.counterpart-wal"))
    )
    found = search_images([tmp_path])
    assert [ref.name for ref in found.refs] == ["cat.jpg"]
    assert found.left_out.line == ("12 files and 1 folder left out: 8 .txt, 3 .mov, 1 hidden file, 1 hidden folder")
    assert found.left_out.problems == ()
    assert search_images([tmp_path / "cat.jpg"]).left_out.line == ""


def test_many_kinds_are_summed_up(tmp_path: Path) -> None:
    put(tmp_path / "cat.jpg", *(tmp_path / f"a.{letter}{letter}" for letter in "bcdefghi"), tmp_path / "b.ii")
    put(tmp_path / "README", tmp_path / "Dr. Who and the rest of it")
    line = search_images([tmp_path]).left_out.line
    assert line == "11 files left out: 2 .ii, 1 .bb, 1 .cc, 1 .dd, 1 .ee, 5 others"


def test_results_that_are_left_out_on_purpose_are_not_counted(tmp_path: Path) -> None:
    put(tmp_path / "cat.jpg", tmp_path / "out" / "report.json", tmp_path / "out" / "cat.png")
    assert search_images([tmp_path], tmp_path / "out").left_out.line == ""


def test_a_name_in_an_unknown_encoding_is_one_named_problem(tmp_path: Path) -> None:
    put(tmp_path / "cat.jpg")
    bad, inside = unknown_encoding(tmp_path), unknown_encoding(tmp_path, b"d\xff/dog.jpg")
    unknown_encoding(tmp_path, b"notes\xe9.txt")
    found = search_images([tmp_path])
    assert [ref.name for ref in found.refs] == ["cat.jpg"]
    assert [problem.path for problem in found.left_out.problems] == [bad, inside]
    assert str(found.left_out.problems[0]) == (
        f"{tmp_path}/caf\\xe9.jpg: the name is not text (it is in an unknown encoding). Rename it to use it"
    )
    assert found.left_out.line == "1 file left out: 1 .txt"
    with pytest.raises(UsageError, match=r"no images found.*caf\\xe9\.jpg: the name is not text"):
        search_images([bad])


def test_a_folder_whose_own_name_is_in_an_unknown_encoding_is_worked_on(tmp_path: Path) -> None:
    folder = unknown_encoding(tmp_path, b"d\xff/dog.jpg").parent
    assert [ref.name for ref in search_images([folder]).refs] == ["dog.jpg"]


@posix
def test_pipes_are_not_listed_and_links_to_nothing_are_named(tmp_path: Path) -> None:
    put(tmp_path / "cat.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "gone.png").symlink_to("nowhere")
    (tmp_path / "gone.txt").symlink_to("nowhere")
    found = search_images([tmp_path])
    assert [ref.name for ref in found.refs] == ["cat.jpg"]
    assert found.left_out.line == "2 files left out: 1 broken link, 1 pipe"
    assert [str(problem) for problem in found.left_out.problems] == [
        f"{tmp_path / 'gone.png'}: the link leads nowhere. Remove it, or put the file back"
    ]
    for pattern in ("*.jpg", "**/*.jpg"):
        assert [ref.name for ref in find_images([str(tmp_path / pattern)])] == ["cat.jpg"]
    with pytest.raises(UsageError, match="this is a pipe, not an image"):
        find_images([tmp_path / "pipe.jpg"])
    with pytest.raises(UsageError, match="no such file"):
        find_images([tmp_path / "gone.png"])


@posix
@pytest.mark.parametrize("pattern", ["**", "**/*.jpg", "*", "**/*", "**/**/cat.jpg"])
def test_patterns_end_where_links_lead_in_circles(tmp_path: Path, pattern: str) -> None:
    put(tmp_path / "photos" / "cat.jpg", tmp_path / "other" / "dog.jpg")
    for number in range(4):
        (tmp_path / "photos" / f"loop{number}").symlink_to(".")
        (tmp_path / "photos" / f"up{number}").symlink_to("..")
    assert "cat.jpg" in [ref.path.name for ref in find_images([str(tmp_path / "photos" / pattern)])]
    assert "dog.jpg" not in [ref.path.name for ref in find_images([str(tmp_path / "photos" / "*")])]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("**/*.jpg", ["1.jpg", "a/2.jpg", "a/b/3.jpg", "ab/4.jpg"]),
        ("**/b/*", ["a/b/3.jpg"]),
        ("a*/**", ["a/2.jpg", "a/b/3.jpg", "ab/4.jpg"]),
        ("a/**/?.jpg", ["2.jpg", "b/3.jpg"]),
        ("a*", ["a/2.jpg", "a/b/3.jpg", "ab/4.jpg"]),
        ("[!1]*/*.jpg", ["a/2.jpg", "ab/4.jpg"]),
        ("*/b", ["a/b/3.jpg"]),
    ],
)
def test_patterns_match_as_a_shell_matches(tmp_path: Path, pattern: str, names: list[str]) -> None:
    put(tmp_path / "1.jpg", tmp_path / "a" / "2.jpg", tmp_path / "a" / "b" / "3.jpg", tmp_path / "ab" / "4.jpg")
    put(tmp_path / "a" / "x.txt", tmp_path / ".h" / "5.jpg")
    assert [ref.name for ref in find_images([str(tmp_path / pattern)])] == names


@pytest.mark.parametrize("given", ["x" * 5000, "a\0b", "nowhere"])
def test_paths_that_cannot_be_are_usage_errors(given: str) -> None:
    with pytest.raises(UsageError):
        find_images([given])
