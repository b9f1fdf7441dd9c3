"""Opening folders as they are: what is left out is said, and nothing outlives the window."""

import os
import threading

import pytest
from PIL import Image

from counterpart.desktop.project import session as session_module
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.settings import Settings


@pytest.fixture
def session(qtbot, tmp_path, monkeypatch):
    monkeypatch.setenv("COUNTERPART_PROJECTS", str(tmp_path / "projects"))
    made = Session(Settings(tmp_path / "window.ini"))
    yield made
    made.shutdown()


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    Image.new("RGB", (8, 6)).save(folder / "cat.png")
    return folder


def test_what_is_left_out_of_a_folder_is_said_once_it_is_open(qtbot, session, photos):
    for name in ("a.txt", "b.txt", "c.mov"):
        (photos / name).touch()
    with qtbot.waitSignal(session.trouble) as told:
        session.open_folder(photos)
    assert told.args == ["info", "3 files left out: 2 .txt, 1 .mov."]
    assert [record.name for record in session.document.images()] == ["cat.png"]


def test_nothing_is_said_of_a_folder_of_images(qtbot, session, photos):
    told = []
    session.trouble.connect(lambda *args: told.append(args))
    with qtbot.waitSignal(session.opened):
        session.open_folder(photos)
    assert told == []


@pytest.mark.skipif(os.name == "nt", reason="links and names as POSIX has them")
def test_a_name_in_an_unknown_encoding_is_one_named_image(qtbot, session, photos):
    (photos / "gone.jpg").symlink_to("nowhere")
    (photos / "round").symlink_to(photos.parent)
    try:
        os.link(photos / "cat.png", os.fsencode(photos) + b"/caf\xe9.png")
    except OSError:
        pytest.skip("this disk takes only names that are text")
    with qtbot.waitSignal(session.trouble) as told:
        session.open_folder(photos)
    kind, text = told.args
    assert kind == "warning"
    assert "caf\\xe9.png: the name is not text (it is in an unknown encoding). Rename it to use it. 1 more" in text
    assert [record.name for record in session.document.images()] == ["cat.png"]
    assert session.document.saved.saved


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_a_folder_whose_name_is_in_an_unknown_encoding_is_refused_by_name_and_others_open(qtbot, session, photos):
    odd = os.fsencode(photos.parent) + b"/d\xff"
    try:
        os.rename(photos, odd)  # noqa: PTH104  # a name as bytes
    except OSError:
        pytest.skip("this disk takes only names that are text")
    with qtbot.waitSignal(session.trouble) as told:
        session.open_folder(photos.parent / os.fsdecode(b"d\xff"))
    assert "d\\xff' cannot be stored" in told.args[1]
    assert session.document is None
    os.rename(odd, photos)  # noqa: PTH104
    with qtbot.waitSignal(session.opened):
        session.open_folder(photos)


def test_reading_a_folder_without_end_does_not_outlive_the_window(qtbot, session, photos, monkeypatch):
    reading = threading.Event()

    def endless(_paths, *, check):
        reading.set()
        while True:
            check()

    monkeypatch.setattr(session_module, "search_images", endless)
    session.open_folder(photos)
    assert reading.wait(5)
    session.shutdown()  # which joins the thread
