"""Folders as other people leave them: links in circles, pipes, sockets, names in unknown encodings."""

import os
import socket
from pathlib import Path

import pytest

from counterpart.core.folders import files_below, leads_up, stamp, walk_files

posix = pytest.mark.skipif(os.name == "nt", reason="links, pipes and sockets as POSIX has them")


def names(folder: Path, **options) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in walk_files(folder, **options)]


def put(*files: Path) -> None:
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")


def test_files_come_in_the_order_of_names_those_of_a_folder_before_its_folders(tmp_path):
    put(tmp_path / "b" / "1", tmp_path / "z", tmp_path / "a" / "q" / "2", tmp_path / "a" / "3")
    assert names(tmp_path) == ["z", "a/3", "a/q/2", "b/1"]


@posix
@pytest.mark.parametrize("target", [".", "..", "../..", "/", "sub", "sub/deep", "../self"])
def test_links_in_circles_and_upwards_end(tmp_path, target):
    photos = tmp_path / "photos"
    put(photos / "1", photos / "sub" / "2", photos / "sub" / "deep" / "3", tmp_path / "outside")
    for place in (photos, photos / "sub", photos / "sub" / "deep"):
        (place / "zlink").symlink_to(target)
        (place / "self").symlink_to("self")
    assert names(photos) == ["1", "sub/2", "sub/deep/3"]


@posix
def test_two_folders_that_link_to_each_other_are_visited_once_each(tmp_path):
    put(tmp_path / "a" / "1", tmp_path / "b" / "2")
    for here, there in (("a", "b"), ("b", "a")):
        for number in range(3):
            (tmp_path / here / f"x{number}").symlink_to(tmp_path / there)
    assert names(tmp_path) == ["a/1", "a/x0/2"]
    assert names(tmp_path, follow=False) == ["a/1", "b/2"]


@posix
def test_a_link_to_a_folder_elsewhere_is_followed(tmp_path):
    put(tmp_path / "disk" / "1")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "more").symlink_to(tmp_path / "disk")
    assert names(tmp_path / "photos") == ["more/1"]
    assert list(files_below(tmp_path / "photos", "*")) == []
    (tmp_path / "entry").symlink_to(tmp_path / "photos")
    assert names(tmp_path / "entry") == ["more/1"]


@posix
def test_what_is_no_file_is_told_apart_and_never_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # the path of a socket is short
    put(tmp_path / "file", tmp_path / ".hidden", tmp_path / ".git" / "x")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "gone").symlink_to("nowhere")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "null").symlink_to("/dev/null")
    (tmp_path / "to pipe").symlink_to("pipe")
    told = {}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        found = names(tmp_path, odd=lambda path, what: told.update({path.name: what}))
    assert found == ["file"]
    assert told == {
        ".git": "hidden folder",
        ".hidden": "hidden file",
        "pipe": "pipe",
        "to pipe": "pipe",
        "socket": "socket",
        "null": "device",
        "gone": "broken link",
        "self": "broken link",
    }


@posix
def test_a_folder_deeper_than_the_system_names_is_told_and_the_rest_found(tmp_path, monkeypatch):
    put(tmp_path / "1")
    monkeypatch.chdir(tmp_path)
    for _ in range(30):
        Path("d" * 200).mkdir()
        os.chdir("d" * 200)
    told = []
    assert names(tmp_path, odd=lambda path, what: told.append(what)) == ["1"]
    assert told == ["unreadable folder"]


def test_a_walk_stops_where_it_is_told_to(tmp_path):
    put(tmp_path / "a" / "1")

    def stop():
        raise InterruptedError

    with pytest.raises(InterruptedError):
        names(tmp_path, check=stop)


def test_files_are_matched_by_their_names(tmp_path):
    put(tmp_path / "a" / "x.json", tmp_path / "y.json", tmp_path / "y.txt", tmp_path / "._y.json")
    (tmp_path / "folder.json").mkdir()
    assert [path.name for path in files_below(tmp_path, "*.json")] == ["y.json", "x.json"]


@posix
def test_what_leads_up_contains_the_folder_it_is_in(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "ab").mkdir()
    for name, target, up in (("up", "..", True), ("here", ".", True), ("beside", "../ab", False)):
        (tmp_path / "a" / "b" / name).symlink_to(target)
        assert leads_up(tmp_path / "a" / "b" / name) is up
    assert not leads_up(tmp_path / "a" / "b")


def test_a_stamp_changes_when_a_file_is_written_to_or_replaced(tmp_path):
    file, other = tmp_path / "a", tmp_path / "b"
    put(file, other)
    before = stamp(file)
    assert before == stamp(file)
    for path in (file, other):
        os.utime(path, (1, 1))
    assert stamp(file) != before
    old = stamp(file)
    other.replace(file)  # of the same length and time
    assert stamp(file) != old
    assert stamp(tmp_path / "nowhere") is None
    assert stamp("a\0b") is None
