"""Gestures in the real window, and what comes between their press and their release."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog

from counterpart.core.project.commands import AddPart, AddSkeleton, Paint, RemoveImages, ReplaceMasks
from counterpart.core.project.document import Document
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import Skeleton
from counterpart.core.project.tiles import pack_labels

K = Qt.Key
LEFT, MIDDLE, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.MiddleButton, Qt.MouseButton.RightButton
CONTROL, NONE = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.NoModifier
DRAWN = ("brush", "eraser", "rectangle", "lasso")
"""Tools that draw while a button is down."""
PATH = [(30, 20), (60, 25), (60, 60), (42, 62)]
"""Of a gesture that encloses something; what comes between comes after its third place."""


@pytest.fixture
def editing(opened):
    """The window with two parts, the first one active, and the second one painted everywhere but in a margin."""
    bench = opened.bench
    bench.session.do(AddPart("wing"))
    bench.session.do(AddPart("beak"))
    bench.session.do(Paint(bench.viewer.image(0), 2, (5, 5, 85, 115), np.ones((80, 110), np.bool_)))
    opened.parts.commands.choose(1)
    for tip in (opened.parts.tools.brush, opened.parts.tools.eraser):
        tip.set_radius(3)
    bench.canvas.setFocus()
    return opened


class Person:
    """Presses, moves and lets go on the way that real events go."""

    def __init__(self, window):
        self.window, self.bench, self.canvas = window, window.bench, window.bench.canvas

    def at(self, xy, pane=0):
        place = QPointF(*self.canvas.panes[pane].view.to_widget(xy)).toPoint()
        return self.canvas.mapTo(self.window, place)

    def press(self, xy, button=LEFT, held=NONE):
        QTest.mousePress(self.window.windowHandle(), button, held, self.at(xy))

    def move(self, xy):
        QTest.mouseMove(self.window.windowHandle(), self.at(xy))

    def release(self, xy, button=LEFT):
        QTest.mouseRelease(self.window.windowHandle(), button, NONE, self.at(xy))

    def click(self, xy, button=LEFT):
        self.press(xy, button)
        self.release(xy, button)

    def double(self, xy, button=LEFT):
        """Two clicks so quick that Qt tells the second press as something else."""
        QTest.mouseDClick(self.window.windowHandle(), button, NONE, self.at(xy))

    def key(self, key, held=NONE):
        QTest.keyClick(self.window.windowHandle(), key, held)

    def begin(self, tool):
        """The first half of a gesture."""
        self.bench.toolbox.choose(tool)
        self.press(PATH[0])
        for xy in PATH[1:3]:
            self.move(xy)

    def end(self):
        """Its second half."""
        self.move(PATH[3])
        self.release(PATH[3])

    def send(self, kind, xy, button=Qt.MouseButton.NoButton, buttons=Qt.MouseButton.NoButton):
        """An event to the canvas itself."""
        place = QPointF(self.canvas.mapFrom(self.window, self.at(xy)))
        QApplication.sendEvent(
            self.canvas, QMouseEvent(kind, place, self.canvas.mapToGlobal(place), button, buttons, NONE)
        )

    @property
    def labels(self):
        found = self.bench.document.label_map(self.bench.viewer.image(0))
        return np.zeros((90, 120), np.uint8) if found is None else found.labels.copy()

    @property
    def steps(self):
        return [command.text for command in self.bench.session.history._done]

    @property
    def idle(self):
        state = self.canvas.hands.state
        return state.phase.name == "IDLE" and state.held is None


def whole(person, tool):
    """What a gesture comes to that nothing disturbs."""
    before = person.labels
    person.begin(tool)
    person.end()
    after = person.labels
    assert (after != before).sum() > 50
    person.bench.session.undo()
    assert np.array_equal(person.labels, before)
    return after


def wheel(person):
    at = QPointF(*person.canvas.panes[0].view.to_widget(PATH[2]))
    event = QWheelEvent(at, person.canvas.mapToGlobal(at), QPoint(), QPoint(0, 240), LEFT, NONE,
                        Qt.ScrollPhase.NoScrollPhase, False)  # fmt: skip
    QApplication.sendEvent(person.canvas, event)


GO_ON = {
    "the middle button": lambda person: person.click(PATH[2], MIDDLE),
    "the right button": lambda person: person.click(PATH[2], RIGHT),
    "the middle button held over the release": lambda person: person.press(PATH[2], MIDDLE),
    "the wheel": wheel,
    "the number of another part": lambda person: person.key(K.Key_2),
    "undo": lambda person: person.key(K.Key_Z, CONTROL),
    "redo": lambda person: person.key(K.Key_Y, CONTROL),
    "delete": lambda person: person.key(K.Key_Delete),
    "enter": lambda person: person.key(K.Key_Return),
    "backspace": lambda person: person.key(K.Key_Backspace),
    "fit": lambda person: person.key(K.Key_F),
    "a larger brush": lambda person: person.key(K.Key_BracketRight),
    "the space bar": lambda person: person.key(K.Key_Space),
    "the overlay's key": lambda person: person.key(K.Key_H),
    "a move to beyond the window": lambda person: person.move(PATH[2]),
}
"""What does nothing to a gesture."""


@pytest.mark.parametrize("tool", DRAWN)
def test_what_is_not_the_gestures_own_does_nothing_to_it(editing, tool):
    person = Person(editing)
    history, view = person.bench.session.history, person.canvas.panes[0].view
    person.bench.session.undo()
    person.bench.session.redo()
    radius = editing.parts.tools.brush.radius
    expected = whole(person, tool)
    before, scale = person.labels, view.scale
    for name, between in GO_ON.items():
        editing.parts.commands.choose(1)
        editing.parts.tools.brush.set_radius(radius)
        person.begin(tool)
        undoable = history.last
        between(person)
        assert history.last is undoable, name
        assert view.scale == scale, name
        person.end()
        person.release(PATH[3], MIDDLE)
        assert np.array_equal(person.labels, expected), name
        assert person.idle, name
        assert len(person.steps) == 4, name
        assert editing.images.panel.model.counts()["reviewed"] == 0
        person.bench.session.undo()
        assert np.array_equal(person.labels, before), name
        assert not history.can_undo or history.undo_text != "Accept", name
        person.canvas.show_overlay(True)
    person.move((90, 80))
    assert np.array_equal(person.labels, before)


def lost_focus(person):
    QApplication.sendEvent(person.canvas, QEvent(QEvent.Type.WindowDeactivate))


def dialog(person):
    box = QDialog(person.window)
    box.open()
    QApplication.processEvents()
    box.close()
    person.window.activateWindow()
    QApplication.processEvents()


def help_sheet(person):
    person.key(K.Key_F1)
    QApplication.activeModalWidget().close()
    person.window.activateWindow()
    QApplication.processEvents()


CUT_SHORT = {
    "lost focus": lost_focus,
    "a lost grab": lambda person: QApplication.sendEvent(person.canvas, QEvent(QEvent.Type.UngrabMouse)),
    "a dialog": dialog,
    "a dialog by its key": help_sheet,
    "another tool": lambda person: person.key(K.Key_I),
    "a resized window": lambda person: person.canvas.resize(person.canvas.width() - 40, person.canvas.height()),
    "copying": lambda person: person.key(K.Key_C, CONTROL),
    "a hidden part": lambda person: (person.key(K.Key_V), person.bench.session.undo()),
}
"""What ends a gesture."""


@pytest.mark.parametrize("tool", DRAWN)
def test_what_comes_between_ends_a_gesture_with_what_is_finished_of_it(editing, tool):
    person, size = Person(editing), editing.bench.canvas.size()
    before = person.labels
    person.begin(tool)
    shown = np.array(person.canvas.panes[0].labels)
    person.key(K.Key_Escape)
    assert np.array_equal(person.labels, before)
    person.end()
    assert np.array_equal(person.labels, before), "Escape gives up the whole of it"
    for name, between in CUT_SHORT.items():
        person.bench.messages.hide()
        person.begin(tool)
        between(person)
        after, notice = person.labels, person.bench.layout.notice
        person.end()
        assert person.idle, name
        assert np.array_equal(person.labels, after), f"{name}: nothing is painted after it"
        if tool in ("rectangle", "lasso"):
            assert np.array_equal(after, before), name
            assert f"The {tool} was interrupted" in notice.text or name == "copying", name
        else:
            outside = after != shown
            assert outside.sum() < 150, name  # the stroke's own end
            assert (after != before).sum() > 50, name
            assert person.steps[-1] in ("Paint wing", "Erase"), name
            person.bench.session.undo()
        assert len(person.steps) == 3, name
        person.canvas.resize(size)


def test_a_shape_that_was_interrupted_is_painted_if_that_is_wanted(qtbot, editing):
    person = Person(editing)
    expected = whole(person, "rectangle")
    person.bench.toolbox.choose("rectangle")
    person.press(PATH[0])
    person.move(PATH[3])
    lost_focus(person)
    qtbot.mouseClick(editing.bench.layout.notice.button, LEFT)
    assert np.array_equal(person.labels, expected)
    assert person.steps[-1] == "Paint wing"


@pytest.mark.parametrize("tool", DRAWN)
def test_a_release_that_nobody_saw_ends_the_gesture_where_the_pointer_was_last(editing, tool):
    person = Person(editing)
    before = person.labels
    person.begin(tool)
    person.move(PATH[3])
    person.send(QEvent.Type.MouseMove, (100, 80))
    after = person.labels
    assert (after != before).sum() > 50
    assert after[70:, 80:].tolist() == before[70:, 80:].tolist()
    assert person.idle
    person.release(PATH[3])
    assert np.array_equal(person.labels, after)


def test_leaving_the_image_keeps_a_stroke_on_the_image_it_was_made_on(qtbot, editing):
    person = Person(editing)
    image, other = list(editing.bench.document.image_ids)[:2]
    expected = whole(person, "brush")
    person.begin("brush")
    person.move(PATH[3])
    person.key(K.Key_D)
    assert person.bench.viewer.image(0) == other
    person.end()
    person.click((40, 40))  # the old photograph may still be seen: no place on the new image is meant
    kept = person.bench.document.label_map(image).labels
    assert np.array_equal(kept, expected)
    qtbot.waitUntil(lambda: person.canvas.panes[0].image_key == other)
    assert person.bench.document.label_map(other) is None or not person.canvas.panes[0].leaving


def second_press(person, *path):
    """A gesture whose press is the second of two quick ones: Qt tells no press of it."""
    person.send(QEvent.Type.MouseButtonDblClick, path[0], LEFT, LEFT)
    for xy in path[1:]:
        person.send(QEvent.Type.MouseMove, xy, buttons=LEFT)
    person.send(QEvent.Type.MouseButtonRelease, path[-1], LEFT)


@pytest.mark.parametrize("tool", DRAWN)
def test_the_second_quick_press_begins_a_gesture_like_the_first(editing, tool):
    person = Person(editing)
    expected = whole(person, tool)
    second_press(person, *PATH)
    assert np.array_equal(person.labels, expected)
    assert person.idle


def test_the_second_quick_press_fills_picks_and_places(qtbot, editing):
    person = Person(editing)
    person.bench.toolbox.choose("fill")
    second_press(person, (50, 50))
    assert person.steps[-1] == "Fill wing"
    picked = []
    editing.parts.tools.pick.picked.connect(picked.append)
    person.bench.toolbox.choose("pick")
    person.double((50, 50))
    assert picked == [1, 1]
    person.bench.session.do(AddSkeleton(Skeleton(("eye", "beak"), ((0, 1),), (), (), "bird")))
    person.bench.toolbox.choose("keypoint")
    person.click((20, 20))
    second_press(person, (80, 60))
    (points,) = person.bench.document.keypoints(person.bench.viewer.image(0))
    assert points.xy == pytest.approx(np.array([(20, 20), (80, 60)]), abs=1)
    person.click((80, 60), RIGHT)
    seen = int(points.visibility[1])
    person.double((80, 60), RIGHT)
    (points,) = person.bench.document.keypoints(person.bench.viewer.image(0))
    assert points.visibility[1] == (seen + 3 * 2) % 3


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("tool", ["wand", "snap"])
def test_what_is_pressed_while_the_last_region_is_being_found_follows_it(qtbot, editing, tool, seen):
    person = Person(editing)
    person.bench.session.do(Paint(person.bench.viewer.image(0), 0, (0, 0, 90, 120), np.ones((90, 120), np.bool_)))
    person.bench.toolbox.choose(tool)
    steps = len(person.steps)
    person.press((60, 45))
    if seen:
        person.release((60, 45))
    second_press(person, (10, 10))
    assert len(person.steps) < steps + 2
    qtbot.waitUntil(lambda: len(person.steps) == steps + 2, timeout=30_000)
    assert person.labels[45, 60] == 1
    assert person.labels[10, 10] == 1
    person.release((10, 10))
    assert person.idle


def test_panning_takes_every_quick_press_and_ends_with_its_own_button(editing):
    person, view = Person(editing), editing.bench.canvas.panes[0].view
    view.zoom(4)
    for _ in range(2):
        origin = view.origin
        person.press((60, 45), MIDDLE)
        person.press((60, 45), LEFT)
        person.release((60, 45), LEFT)
        person.move((62, 46))
        assert view.origin != origin
        person.release((62, 46), MIDDLE)
        origin = view.origin
        person.move((60, 45))
        assert view.origin == origin
    assert len(person.steps) == 3


def test_a_pane_that_goes_keeps_its_stroke(qtbot, editing):
    person = Person(editing)
    second = list(person.bench.document.image_ids)[1]
    editing.images.show_right(second)
    qtbot.waitUntil(lambda: person.canvas.panes[1].image_key == second)
    person.bench.toolbox.choose("brush")
    QTest.mousePress(editing.windowHandle(), LEFT, NONE, person.at((20, 20), 1))
    QTest.mouseMove(editing.windowHandle(), person.at((50, 50), 1))
    person.key(K.Key_1, CONTROL)
    QTest.mouseRelease(editing.windowHandle(), LEFT, NONE, person.at((50, 50)))
    assert person.canvas.count == 1
    assert person.bench.document.label_map(second).labels[20, 20] == 1
    assert person.idle


# Polygons -----------------------------------------------------------------------------------------------------------


def corners(person, *places):
    person.bench.toolbox.choose("polygon")
    for xy in places:
        person.click(xy)
        person.move((xy[0] + 9, xy[1] + 9))


def test_undo_takes_corners_back_and_redo_gives_them_again(editing):
    person = Person(editing)
    before = person.labels
    corners(person, (20, 20), (90, 20), (90, 70))
    undo, redo = person.bench.actions["undo"], person.bench.actions["redo"]
    assert undo.text() == "&Undo last corner"
    assert not redo.isEnabled()
    person.key(K.Key_Z, CONTROL)
    assert redo.text() == "&Redo last corner"
    person.key(K.Key_Return)
    assert np.array_equal(person.labels, before), "two corners are no polygon, and Enter reviews nothing"
    assert editing.images.panel.model.counts()["reviewed"] == 0
    person.key(K.Key_Y, CONTROL)
    person.key(K.Key_Return)
    assert (person.labels == 1).sum() > 500
    assert len(person.steps) == 4
    corners(person, (20, 20), (90, 20))
    for _ in range(2):
        person.key(K.Key_Z, CONTROL)
    assert person.idle
    assert len(person.steps) == 4
    person.key(K.Key_Z, CONTROL)
    assert np.array_equal(person.labels, before)


def test_undo_is_there_for_corners_where_nothing_else_was_done(qtbot, opened):
    opened.bench.session.do(AddPart("wing"))
    opened.bench.session.history.clear()
    opened.parts.commands.choose(1)
    person = Person(opened)
    corners(person, (20, 20))
    assert person.bench.actions["undo"].isEnabled()
    person.key(K.Key_Z, CONTROL)
    assert person.idle
    assert not person.bench.actions["undo"].isEnabled()


def test_escape_gives_the_corners_up_and_nothing_else(editing):
    person = Person(editing)
    corners(person, (20, 20), (90, 20), (90, 70))
    person.key(K.Key_Escape)
    assert person.idle
    assert person.bench.toolbox.active == "polygon"
    assert len(person.steps) == 3
    person.key(K.Key_Escape)
    assert person.bench.toolbox.active == "select"


def test_the_view_is_moved_and_zoomed_between_corners(editing):
    person, view = Person(editing), editing.bench.canvas.panes[0].view
    corners(person, (20, 20), (90, 20))
    person.key(K.Key_Plus, CONTROL)
    person.press((60, 45), MIDDLE)
    person.move((50, 40))
    person.release((50, 40), MIDDLE)
    wheel(person)
    view.fit()
    person.click((90, 70))
    person.key(K.Key_2)
    person.key(K.Key_Return)
    painted = person.labels
    assert painted[30, 80] == 1, "the part of the first corner"
    assert painted[60, 25] == 2


@pytest.mark.parametrize("leave", ["image", "tool", "pane"])
def test_corners_wait_for_their_image_and_their_tool(qtbot, editing, leave):
    person = Person(editing)
    corners(person, (20, 20), (90, 20), (90, 70))
    image = person.bench.viewer.image(0)
    if leave == "image":
        person.key(K.Key_D)
        qtbot.waitUntil(lambda: person.canvas.panes[0].image_key not in (image, 0))
    elif leave == "tool":
        person.key(K.Key_B)
    else:
        editing.bench.session.do(RemoveImages([image]))
    assert "The polygon of 3 corners waits" in person.bench.layout.notice.text
    assert person.idle
    assert len(person.steps) == (4 if leave == "pane" else 3)
    if leave == "image":
        person.key(K.Key_A)
    elif leave == "tool":
        person.key(K.Key_P)
    else:
        person.bench.session.undo()
        person.bench.images.select(image)
    qtbot.waitUntil(lambda: person.canvas.panes[0].image_key == image)
    assert person.canvas.hands.open
    person.key(K.Key_Return)
    assert person.labels[30, 80] == 1


def test_a_double_click_closes_a_polygon_and_nothing_is_begun_by_it(editing):
    person = Person(editing)
    corners(person, (20, 20), (90, 20))
    person.double((90, 70))
    assert person.steps[-1] == "Paint wing"
    assert person.idle


# Order --------------------------------------------------------------------------------------------------------------


def test_a_command_in_the_middle_of_a_stroke_comes_after_it(qtbot, editing):
    person = Person(editing)
    person.key(K.Key_C, CONTROL)
    person.bench.session.do(Paint(person.bench.viewer.image(0), 1, (70, 90, 80, 100), np.ones((10, 10), np.bool_)))
    person.key(K.Key_C, CONTROL)
    person.bench.session.do(Paint(person.bench.viewer.image(0), 0, (70, 90, 80, 100), np.ones((10, 10), np.bool_)))
    person.begin("brush")
    person.key(K.Key_V, CONTROL)
    person.end()
    assert person.steps[-2:] == ["Paint wing", "Paste wing"]
    for _ in range(2):
        person.bench.session.undo()
    person.begin("brush")
    editing.parts.panel.delete.emit([1])
    person.end()
    assert person.steps[-2:] == ["Paint wing", "Delete part"]
    person.bench.session.undo()
    editing.parts.commands.choose(1)
    person.begin("eraser")
    editing.parts.panel.merge.emit([2, 1])
    person.end()
    assert person.steps[-2][:5] in ("Erase", "Merge")
    image = person.bench.viewer.image(0)
    person.begin("eraser")
    editing.bench.session.do(RemoveImages([image]))
    person.end()
    assert person.steps[-2:] == ["Erase", "Remove image"]


def test_closing_the_project_keeps_the_stroke(editing):
    person = Person(editing)
    expected = whole(person, "brush")
    person.begin("brush")
    person.move(PATH[3])
    path, image = person.bench.document.path, person.bench.viewer.image(0)
    person.key(K.Key_W, CONTROL)
    person.release((10, 10))
    assert person.bench.document is None
    with Document.open(path, read_only=True) as document:
        assert np.array_equal(document.label_map(image).labels, expected)


def test_predictions_that_land_in_the_middle_of_a_stroke_lie_below_it(editing):
    person = Person(editing)
    document, (first, second) = person.bench.document, list(person.bench.document.image_ids)[:2]
    person.bench.session.do(Paint(first, 0, (0, 0, 90, 120), np.ones((90, 120), np.bool_)))
    bare = person.labels
    expected = whole(person, "brush") != bare
    person.begin("brush")
    map_ = np.full((90, 120), 2, np.uint8)
    command = ReplaceMasks({first: pack_labels(map_), second: pack_labels(map_[:80, :100].repeat(1, 0))}, {2: 2},
                           document.revision, Provenance("parts"), {}, title="Find parts")  # fmt: skip
    document.apply(command)
    predicted = person.labels
    shown = np.array(person.canvas.panes[0].labels)
    assert (shown == 1).sum() > 50, "what was drawn so far is still seen"
    person.end()
    after = person.labels
    assert np.array_equal(after == 1, expected)
    assert np.array_equal(after[~expected], predicted[~expected])
