"""Settings, the loader of images, small pictures, icons, colours: pieces that need no window."""

import threading

import numpy as np
import pytest
from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QColor

from counterpart.core.errors import ImageError
from counterpart.core.project.points import MatchSet
from counterpart.core.resources import resource_path
from counterpart.desktop.canvas.colourmap import confidence_colour, heat_argb, position_colours
from counterpart.desktop.canvas.pair_lines import PairLines
from counterpart.desktop.canvas.viewport import Viewport
from counterpart.desktop.images.thumbnails import tint
from counterpart.desktop.jobs.file_loader import FileLoader
from counterpart.desktop.matches.matches_model import doubt_of
from counterpart.desktop.shell.settings import Preferences, Settings
from counterpart.desktop.shell.status_bar import format_bytes
from counterpart.desktop.widgets.icons import icon


def test_preferences_survive_and_damaged_ones_fall_back(tmp_path):
    file = tmp_path / "window.ini"
    first = Settings(file)
    first.change(theme="light", overlay_opacity=0.25, wheel_zooms=False)
    first.sync()
    assert Settings(file).preferences == Preferences(theme="light", overlay_opacity=0.25, wheel_zooms=False)
    text = file.read_text().replace("0.25", "lots").replace("light", "pink")
    file.write_text(text)
    assert Settings(file).preferences == Preferences(wheel_zooms=False)


def test_recent_projects_are_unique_ordered_and_bounded(tmp_path):
    settings = Settings(tmp_path / "window.ini")
    for number in range(20):
        settings.remember(tmp_path / str(number))
    settings.remember(tmp_path / "12")
    assert settings.recent()[:2] == [tmp_path / "12", tmp_path / "19"]
    assert len(settings.recent()) == 12
    settings.forget(tmp_path / "12")
    assert tmp_path / "12" not in settings.recent()


def test_a_change_is_told_once_and_no_change_is_not(tmp_path, qtbot):
    settings = Settings(tmp_path / "window.ini")
    seen = []
    settings.changed.connect(lambda preferences: seen.append(preferences.theme))
    settings.change(theme="light")
    settings.change(theme="light")
    assert seen == ["light"]


def test_the_last_request_is_loaded_first_and_unwanted_ones_never(qtbot):
    loader = FileLoader("test")
    gate, order = threading.Event(), []
    loader.loaded.connect(lambda key, value: order.append((key, value)))
    loader.request("first", lambda: gate.wait(5))
    qtbot.waitUntil(lambda: not loader._stack)
    for key in ("a", "b", "c"):
        loader.request(key, lambda key=key: key.upper())
    loader.request("later", lambda: "LATER", urgent=False)
    loader.forget(lambda key: key == "b")
    gate.set()
    qtbot.waitUntil(lambda: len(order) == 4)
    assert [key for key, _ in order] == ["first", "c", "a", "later"]
    loader.close()


def test_what_is_being_loaded_is_not_loaded_twice_and_never_delivered_once_cleared(qtbot):
    loader = FileLoader("test")
    gate, begun, order = threading.Event(), threading.Event(), []
    loader.loaded.connect(lambda key, value: order.append(value))

    def slow():
        begun.set()
        return gate.wait(5)

    loader.request("slow", slow)
    assert begun.wait(5)
    loader.request("slow", lambda: "twice", again=False)
    loader.request("slow", lambda: "file changed")
    gate.set()
    qtbot.waitUntil(lambda: order == [True, "file changed"])
    gate.clear(), begun.clear()
    loader.request(1, slow)
    assert begun.wait(5)
    loader.clear()
    loader.request(1, lambda: "of the next project", again=False)
    gate.set()
    qtbot.waitUntil(lambda: len(order) == 3)
    assert order[2] == "of the next project"
    loader.close()


def test_a_failure_while_loading_is_told_in_words_and_the_next_one_is_loaded(qtbot):
    loader = FileLoader("test")
    failed, loaded = [], []
    loader.failed.connect(lambda key, text: failed.append((key, text)))
    loader.loaded.connect(lambda key, value: loaded.append(key))

    def broken():
        raise ImageError("the image is damaged", path="x.jpg")

    loader.request("bad", broken)
    loader.request("odd", lambda: 1 / 0)
    loader.request("good", lambda: 1)
    qtbot.waitUntil(lambda: len(failed) == 2 and loaded == ["good"])
    assert dict(failed)["bad"] == "x.jpg: the image is damaged"
    assert "ZeroDivisionError" in dict(failed)["odd"]
    loader.close()


def test_small_pictures_show_the_parts_where_they_are():
    rgb = np.zeros((20, 30, 3), np.uint8)
    labels = np.zeros((200, 300), np.uint8)
    labels[100:, 150:] = 3
    out = tint(rgb, (labels, {3: (200, 100, 50)}, 0.5))
    assert tuple(out[15, 25]) == (100, 50, 25)
    assert not out[5, 5].any()
    assert not tint(rgb, (labels, {}, 0.5)).any()


def test_every_icon_that_an_action_names_exists_and_is_drawn(window):
    records = window.bench.actions.records
    assert len(records) > 90
    for spec in records:
        if spec.icon:
            assert resource_path("icons", f"{spec.icon}.svg").is_file()
            image = icon(spec.icon).pixmap(20, 20).toImage()
            inked = sum(image.pixelColor(x, y).alpha() > 100 for x in range(20) for y in range(20))
            assert 8 < inked < 300, spec.icon


def test_heat_runs_from_dark_to_light_at_one_opacity():
    argb = heat_argb(np.array([[-1.0, 0.5, 2.0]]), 0.0, 1.0, 0.5)
    alpha = argb >> np.uint32(24)
    light = ((argb >> np.uint32(16)) & 255) + ((argb >> np.uint32(8)) & 255) + (argb & 255)
    assert (alpha == 128).all()
    assert light[0, 0] < light[0, 1] < light[0, 2]


def test_lines_beginning_apart_have_different_colours_and_none_is_fine():
    found = position_colours([[0, 50], [100, 50], [50, 0], [50, 100]], (100, 100))
    assert len({colour.name() for colour in found}) == 4
    assert position_colours(np.empty((0, 2)), (10, 10)) == []
    assert confidence_colour(0.0) != confidence_colour(1.0)


def test_doubt_rises_with_the_cycle_error_and_falls_with_likeness():
    matches = MatchSet.make(1, 2, np.zeros((4, 2)), np.zeros((4, 2)), [0.8, 0.8, 0.4, np.nan], [0, 200, 0, np.nan])
    doubt = doubt_of(matches, (300, 400))
    assert doubt[0] < doubt[1]
    assert doubt[0] < doubt[2]
    assert doubt[3] == pytest.approx(0.0)
    assert ((doubt >= 0) & (doubt <= 1)).all()


def test_points_are_hit_before_lines_and_hidden_lines_never():
    left, right = Viewport(), Viewport()
    left.set_area(QRectF(0, 0, 400, 400), 1.0)
    right.set_area(QRectF(408, 0, 400, 400), 1.0)
    for view in (left, right):
        view.set_image((376, 376))
    a, b = np.array([[10.0, 50.0], [10.0, 200.0]]), np.array([[300.0, 50.0], [300.0, 200.0]])
    lines = PairLines(a, b, [QColor("red")] * 2, np.ones(2, bool), np.array([True, False]))
    start = QPointF(*left.to_widget(a[0]))
    assert (lines.hit(start, left, right).index, lines.hit(start, left, right).end) == (0, 0)
    middle = QPointF(404, start.y() + 2)
    assert (lines.hit(middle, left, right).index, lines.hit(middle, left, right).end) == (0, None)
    assert lines.hit(QPointF(*left.to_widget(a[1])), left, right) is None


@pytest.mark.parametrize(("count", "text"), [(0, "0 kB"), (640_000_000, "640 MB"), (1_230_000_000, "1.2 GB")])
def test_bytes_are_written_as_people_read_them(count, text):
    assert format_bytes(count) == text
