"""Messages over the images: one at a time, and offers that are answered, dismissed, withdrawn or replaced."""

import pytest
from PySide6.QtCore import Qt

from counterpart.desktop.shell.messages import Messages
from counterpart.desktop.widgets.notice import Notice


@pytest.fixture
def notice(qtbot):
    made = Notice()
    qtbot.addWidget(made)
    return made


@pytest.fixture
def messages(notice):
    return Messages(notice)


def press(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_errors_stay_and_others_leave_by_themselves(messages, notice):
    messages.tell("error", "It broke.")
    assert notice.text == "It broke."
    assert not notice._leaving.isActive()
    messages.tell("info", "Done.")
    assert notice.text == "Done."
    assert notice._leaving.isActive()
    messages.hide()
    assert not notice.isVisible()


def test_an_offer_is_taken_up_once(qtbot, messages, notice):
    taken = []
    messages.offer("An update is ready.", "Keep it", lambda: taken.append("kept"), lambda: taken.append("declined"))
    assert notice.button.text() == "Keep it"
    press(qtbot, notice.button)
    notice.button.click()
    assert taken == ["kept"]
    assert not notice.isVisible()


def test_an_offer_is_dismissed(qtbot, messages, notice):
    taken = []
    messages.offer("Frames of a video?", "Timeline", lambda: taken.append("yes"), lambda: taken.append("no"))
    press(qtbot, notice._close)
    assert taken == ["no"]


def test_only_the_offer_that_stands_can_be_withdrawn_and_what_is_said_later_replaces_it(messages, notice):
    def keep():
        raise AssertionError("nobody accepted it")

    def other():
        raise AssertionError("it was never made")

    messages.offer("An update is ready.", "Keep it", keep)
    messages.withdraw(other)
    assert notice.isVisible()
    messages.withdraw(keep)
    assert not notice.isVisible()
    messages.offer("An update is ready.", "Keep it", keep)
    messages.tell("warning", "Something else.")
    notice.button.click()
    messages.withdraw(keep)
    assert notice.text == "Something else."
    assert notice.isVisible()
