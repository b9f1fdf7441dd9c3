"""Which photograph a name in a file means, of which size it is, and what must not be read."""

import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from counterpart.core.formats.source import Source
from counterpart.core.images.orientation import turn_pixels
from counterpart.core.project.model import ImageRecord
from tests.core import format_tools

NOWHERE = "there is no such image in the project, nor a file of that name"


def photo(path: Path, hw=(10, 20), orientation=1, seed=0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.random.default_rng(seed).integers(0, 255, (*hw, 3)).astype(np.uint8))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


def project_of(*files: Path, below: Path, **more) -> Source:
    """A project of some files, whose names are relative to a folder."""
    records = [ImageRecord(n, file.relative_to(below).as_posix()) for n, file in enumerate(files, start=1)]
    return Source(records, dict(enumerate(files, start=1)), **more)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("sub/b.jpg", "sub/b.jpg"),
        ("SUB\\B.JPG", "sub/b.jpg"),
        ("./sub/b.png", "sub/b.jpg"),  # bare of its suffix
        ("sub__b", "sub/b.jpg"),  # in one word
        ("sub_b_jpg", "sub/b.jpg"),
        ("b.jpg", "sub/b.jpg"),  # alone
        ("x/sub/b.jpg", "sub/b.jpg"),
        ("x/b.jpg", None),  # another folder's
        ("x\\b.jpg", "sub/b.jpg"),  # of another machine
        ("x\\c.jpg", None),  # two
        ("images/train/b.jpg", "sub/b.jpg"),  # folders that say nothing of which image it is
        ("a.jpg", "a.jpg"),
        ("f/a.jpg", "f/a.jpg"),
        ("g/a.jpg", None),  # two are called so, neither lies there
        ("c.jpg", None),  # two
        ("p/c.jpg", "p/c.jpg"),
        ("/home/me/pictures/q/c.jpg", "q/c.jpg"),
        ("C:\\Users\\me\\q\\c.jpg", "q/c.jpg"),
        ("D:/somewhere/b.jpg", "sub/b.jpg"),  # a whole path of another machine
        ("file:///home/me/sub/b.jpg", "sub/b.jpg"),
        ("https://host/data/upload/3/1c2d3e4f-b.jpg?x=1&y=2", "sub/b.jpg"),
        ("/data/upload/1/1c2d3e4f-b.jpg", "sub/b.jpg"),
        ("/data/local-files/?d=sub/b.jpg", "sub/b.jpg"),
        ("sub/b%2Ejpg", "sub/b.jpg"),
        ("caf%C3%A9.jpg", "café.jpg"),
        (unicodedata.normalize("NFD", "café.jpg"), "café.jpg"),
        ("a.json", "a.jpg"),
        ("a.gif.txt", None),
        ("nothing", None),
        ("", None),
        ("..", None),
        ("a\0b", None),
    ],
)
def test_the_image_that_a_name_means(name, found):
    names = ("sub/b.jpg", "a.jpg", "f/a.jpg", "p/c.jpg", "q/c.jpg", "café.jpg")
    source = format_tools.source_of(dict.fromkeys(names, (4, 4)))
    placed = source.place(name)
    assert (placed.name if placed.image else None) == found
    assert bool(placed.problem) == (found is None)
    assert placed.given == name


def test_the_place_that_is_written_comes_first_the_root_before_the_record_before_the_rest(tmp_path):
    places = ("root/a.jpg", "one/a.jpg", "ann/two/a.jpg", "ann/b.jpg", "ann/one/b.jpg", "ann/deep/down/c.jpg")
    for number, place in enumerate(places):
        photo(tmp_path / place, seed=number)
    (tmp_path / "ann/x.json").write_text("{}")
    source = Source(path=tmp_path / "ann/x.json", root=tmp_path / "root")
    assert source.place("a.jpg", beside=tmp_path / "ann/two").file == tmp_path / "root/a.jpg"
    source = Source(path=tmp_path / "ann/x.json")
    assert source.place("a.jpg", beside=tmp_path / "ann/two").file == tmp_path / "ann/two/a.jpg"
    assert source.place("b.jpg", folders=(tmp_path / "ann/one",)).file == tmp_path / "ann/one/b.jpg"
    assert source.place("b.jpg").file == tmp_path / "ann/b.jpg"
    assert source.place("elsewhere/c.jpg").problem == NOWHERE  # of another folder
    assert source.place("/elsewhere/down/c.jpg").file == tmp_path / "ann/deep/down/c.jpg"
    assert source.place("c.jpg").file == tmp_path / "ann/deep/down/c.jpg"
    assert source.place("d.jpg").problem == NOWHERE


def test_a_bare_name_that_two_images_have_is_never_guessed(tmp_path):
    for number, place in enumerate(("train/images/a.jpg", "valid/images/a.jpg")):
        photo(tmp_path / place, seed=number)
    source = Source(path=tmp_path)
    assert source.place("a.jpg").problem == "several images are called so: a.jpg"
    assert source.place("images/valid/a.jpg").file is None  # the order of the folders says nothing
    assert source.place("valid/images/a.jpg").file == tmp_path / "valid/images/a.jpg"


def test_a_file_of_the_same_name_in_another_folder_is_another_image(tmp_path):
    mine, other = photo(tmp_path / "v1/f1.png", seed=1), photo(tmp_path / "v2/f1.png", seed=2)
    source = project_of(mine, below=tmp_path / "v1", path=tmp_path)
    placed = source.place("v2/f1.png")
    assert (placed.image, placed.file) == (0, other)
    assert source.place("v1/f1.png").image == 1
    other.unlink()
    assert project_of(mine, below=tmp_path / "v1", path=tmp_path).place("v2/f1.png").problem == NOWHERE


def test_a_copy_beside_the_annotations_is_the_projects_image(tmp_path):
    mine = photo(tmp_path / "photos/a.jpg")
    copy = tmp_path / "export/images/a.jpg"
    copy.parent.mkdir(parents=True)
    copy.write_bytes(mine.read_bytes())
    assert project_of(mine, below=tmp_path / "photos", path=tmp_path / "export").place("images/a.jpg").image == 1
    photo(copy, seed=5)
    assert project_of(mine, below=tmp_path / "photos", path=tmp_path / "export").place("images/a.jpg").image == 0


def test_a_name_without_suffix_means_the_one_image_of_that_stem(tmp_path):
    photo(tmp_path / "images/a.b.jpg")
    photo(tmp_path / "images/c.jpg")
    photo(tmp_path / "images/c.png")
    (tmp_path / "images/a.b.txt").write_text("")
    source = Source(path=tmp_path)
    assert source.place("a.b", folders=(tmp_path / "images",), bare=True).name == "a.b.jpg"
    assert "several images" in source.place("c", folders=(tmp_path / "images",), bare=True).problem
    mine = project_of(tmp_path / "images/c.png", below=tmp_path / "images", path=tmp_path)
    assert mine.place("c", folders=(tmp_path / "images",), bare=True).image == 1
    source.pass_over([tmp_path / "images/c.png"])
    assert source.place("c", folders=(tmp_path / "images",), bare=True).file == tmp_path / "images/c.jpg"


def test_files_are_found_by_their_paths_in_one_word(tmp_path):
    for number, place in enumerate(("images/train/1.jpg", "images/val/1.jpg", "images/photo one.jpg")):
        photo(tmp_path / place, seed=number)
    source = Source(path=tmp_path)
    assert source.place("train__1", bare=True).file == tmp_path / "images/train/1.jpg"
    assert source.place("val__1", bare=True).file == tmp_path / "images/val/1.jpg"
    assert source.place("1a2b3c4d-photo_one.jpg").file == tmp_path / "images/photo one.jpg"
    assert source.place("test__1", bare=True).problem == NOWHERE


# What must not be read


def test_nothing_outside_the_named_folders_is_taken(tmp_path):
    secret = photo(tmp_path / "secret.png")
    (tmp_path / "in").mkdir()
    (tmp_path / "in/link.png").symlink_to(secret)
    (tmp_path / "in/folder").symlink_to(tmp_path)
    source = Source(path=tmp_path / "in")
    for name in (str(secret), "../secret.png", "link.png", "folder/secret.png", f"file://{secret}"):
        placed = source.place(name)
        assert placed.file is None, name
        assert "outside the folders that were named" in placed.problem, name
    assert Source(path=tmp_path / "in", root=tmp_path).place("secret.png").file == secret
    assert project_of(secret, below=tmp_path, path=tmp_path / "in").place("link.png").image == 1


def test_images_beside_a_folder_of_annotations_are_named_with_it(tmp_path):
    found = photo(tmp_path / "images/a.png")
    (tmp_path / "labels").mkdir()
    source = Source(path=tmp_path / "labels")
    assert source.place("../images/a.png").file.resolve() == found
    assert source.place("a.png").file == found


@pytest.mark.parametrize("content", [b"-----BEGIN OPENSSH PRIVATE KEY-----", b"", b"\x89PNG\r\n\x1a\n"])
@pytest.mark.parametrize("name", ["id_rsa", "key.png"])
def test_a_file_that_is_no_image_is_never_one(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    placed = Source(path=tmp_path).place(name)
    assert placed.problem


# Sizes


@pytest.mark.parametrize(
    ("declared", "says"),
    [
        ((20, 40), ("", "")),
        (None, ("", "")),
        ((0, 40), ("", "")),
        ((10, 20), ("it is drawn on a picture of 20 x 10 pixels; scaled to the photograph's 40 x 20", "")),
        ((667, 1334), ("it is drawn on a picture of 1334 x 667 pixels; scaled to the photograph's 40 x 20", "")),
        ((20, 41), ("it is drawn on a picture of 41 x 20 pixels; scaled to the photograph's 40 x 20", "")),
        ((20, 30), ("", "the file says that it is 30 x 20 pixels, the photograph is 40 x 20")),
        ((40, 20), ("", "the file says that it is 20 x 40 pixels, the photograph is 40 x 20")),
    ],
)
def test_the_size_is_the_photographs_own(tmp_path, declared, says):
    photo(tmp_path / "a.png", (20, 40))
    placed = Source(path=tmp_path).place("a.png", declared=declared)
    assert placed.hw == (20, 40)
    assert (placed.note, placed.problem) == says


def test_places_are_scaled_with_the_picture(tmp_path):
    photo(tmp_path / "a.png", (20, 40))
    placed = Source(path=tmp_path).place("a.png", declared=(10, 20))
    np.testing.assert_array_equal(placed.points([[0, 0], [20, 10], [5, 2.5]]), [[0, 0], [40, 20], [10, 5]])
    mask = np.arange(200, dtype=np.uint8).reshape(10, 20)
    np.testing.assert_array_equal(placed.mask(mask), mask.repeat(2, axis=0).repeat(2, axis=1))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_what_was_drawn_on_the_unturned_photograph_is_turned_with_it(tmp_path, orientation):
    photo(tmp_path / "a.jpg", (20, 40), orientation)
    placed = Source(path=tmp_path).place("a.jpg", declared=(20, 40), extent=(39, 10))
    assert placed.turn == (orientation if orientation > 4 else 1)
    stored = np.zeros((20, 40), np.uint8)
    stored[3, 30] = 1
    upright = placed.mask(stored)
    np.testing.assert_array_equal(upright, turn_pixels(stored, placed.turn))
    ((x, y),) = placed.points([[30.5, 3.5]])
    assert upright[int(y), int(x)] == 1
    assert placed.hw == upright.shape
    assert bool(placed.note) == (orientation > 4)


def test_a_size_as_stored_beside_upright_places_is_recognised(tmp_path):
    photo(tmp_path / "a.jpg", (20, 40), 6)
    placed = Source(path=tmp_path).place("a.jpg", declared=(20, 40), extent=(18, 38))
    assert (placed.hw, placed.turn, placed.problem) == ((40, 20), 1, "")
    np.testing.assert_array_equal(placed.points([[18, 38]]), [[18, 38]])


def test_the_frames_of_a_film_are_the_images_in_their_natural_order(tmp_path):
    names = ("b/10.png", "b/9.png", "film/2.png", "film/10.png")
    source = format_tools.source_of(dict.fromkeys(names, (4, 4)), path=tmp_path)
    sequences = list(source.sequences((), "film"))
    assert sequences[0] == ["film/2.png", "film/10.png"]
    assert sequences[1] == ["b/9.png", "b/10.png", "film/2.png", "film/10.png"]
    assert list(format_tools.source_of({}, path=tmp_path).sequences((), "")) == []
    files = [photo(tmp_path / "images" / name) for name in ("10.png", "9.png")]
    source = format_tools.source_of({}, path=tmp_path)
    assert list(source.sequences((tmp_path / "images",), "")) == [[str(file) for file in reversed(files)]]
    source.pass_over(files)
    assert list(source.sequences((tmp_path / "images",), "")) == []
