"""Dragging in a map or a timeline: the button that began it ends it, Escape takes it back."""

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtWidgets import QApplication

from counterpart.desktop.video.frame_track import FrameTrack

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton


@pytest.fixture
def track(qtbot):
    """A timeline of a hundred frames, at the tenth, and the frames that it asks for."""
    made = FrameTrack(str)
    qtbot.addWidget(made)
    made.resize(600, 48)
    made.set_states(np.zeros(100, np.uint8))
    made.set_current(10)
    made.asked = []
    made.wanted.connect(made.asked.append)
    made.show()
    return made


def at(track, frame):
    return QPoint(round(track.x_of(frame)), 15)


def test_a_drag_goes_where_the_pointer_goes_and_ends_with_its_button(qtbot, track):
    qtbot.mousePress(track, LEFT, pos=at(track, 20))
    qtbot.mousePress(track, RIGHT, pos=at(track, 20))
    qtbot.mouseRelease(track, RIGHT, pos=at(track, 20))
    qtbot.mouseMove(track, at(track, 40))
    qtbot.mouseRelease(track, LEFT, pos=at(track, 40))
    qtbot.mouseMove(track, at(track, 60))
    qtbot.mouseDClick(track, LEFT, pos=at(track, 70))
    assert track.asked == [20, 40, 70]


@pytest.mark.parametrize("kind", [QEvent.Type.WindowDeactivate, QEvent.Type.UngrabMouse, QEvent.Type.Hide])
def test_a_drag_that_lost_its_pointer_goes_no_further(qtbot, track, kind):
    qtbot.mousePress(track, LEFT, pos=at(track, 20))
    QApplication.sendEvent(track, QEvent(kind))
    qtbot.mouseMove(track, at(track, 40))
    qtbot.mouseRelease(track, LEFT, pos=at(track, 40))
    assert track.asked == [20]
    assert track.scrub.ask("take_back")


def test_escape_goes_back_and_undo_waits_for_the_release(qtbot, track):
    qtbot.mousePress(track, LEFT, pos=at(track, 20))
    qtbot.mouseMove(track, at(track, 40))
    assert not track.scrub.ask("take_back")
    assert not track.scrub.ask("close")
    assert not track.scrub.ask("give_up")
    qtbot.mouseMove(track, at(track, 50))
    qtbot.mouseRelease(track, LEFT, pos=at(track, 50))
    assert track.asked == [20, 40, 10]
    assert track.scrub.ask("take_back")
    qtbot.mousePress(track, LEFT, pos=at(track, 30))
    assert track.scrub.ask("ends")
    qtbot.mouseMove(track, at(track, 50))
    assert track.current == 30
