"""Whoever does not see the window hears what each control is: every one has a name, in the window and in dialogs."""

import pytest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QDialog,
    QFormLayout,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QMenuBar,
    QPlainTextEdit,
    QScrollBar,
    QTabBar,
    QTextEdit,
    QWidget,
)

from counterpart.core.project.commands import AddSkeleton
from counterpart.core.project.points import Skeleton
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.explore.scatter import Scatter
from counterpart.desktop.images.locate_dialog import LocateDialog
from counterpart.desktop.keypoints.skeleton_dialog import SkeletonDialog
from counterpart.desktop.project.import_dialog import ImportDialog
from counterpart.desktop.shell.banner import Banner
from counterpart.desktop.video.frame_track import FrameTrack
from counterpart.desktop.widgets.form import Form
from counterpart.desktop.widgets.notice import Notice

_KINDS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QPlainTextEdit,
    QTextEdit,
    QTabBar,
    Canvas,
    Scatter,
    FrameTrack,
)
_WHOLE = (QAbstractSpinBox, QComboBox, QAbstractItemView, QLineEdit, QKeySequenceEdit, QMenuBar)
"""What lies in these is part of them: the list of a combo box, the heading of a table."""
_INNER = ("qt_spinbox_lineedit", "qt_toolbar_ext_button", "qt_tabbar_scroll", "ScrollLeftButton", "ScrollRightButton")
"""Made by Qt within its own controls, which name them."""


def nameless(top):
    """The controls below a widget that nothing names, by kind and place."""
    return [_place(each) for each in top.findChildren(QWidget) if _counts(each, top) and not _name(each, top)]


def _counts(widget, top):
    if not isinstance(widget, _KINDS) or isinstance(widget, QScrollBar) or widget.objectName() in _INNER:
        return False
    if isinstance(widget.parentWidget(), Notice | Banner) and not widget.text():
        return False  # the button of a message gets its words when it is shown
    above = widget.parentWidget()
    while above is not None and above is not top:
        if isinstance(above, _WHOLE) or (isinstance(above, QDialog) and above is not top):
            return False
        above = above.parentWidget()
    return True


def _name(widget, top):
    if widget.accessibleName():
        return widget.accessibleName()
    if isinstance(widget, QAbstractButton):
        return widget.text()
    if isinstance(widget, QTabBar):
        return all(widget.tabText(index) for index in range(widget.count()))
    labels = [each for each in top.findChildren(QLabel) if each.buddy() is widget and each.text()]
    layouts = [each for each in top.findChildren(QFormLayout) if each.labelForField(widget) is not None]
    return bool(labels) or any(isinstance(each.labelForField(widget), QLabel) for each in layouts)


def _place(widget):
    names, above = [], widget
    while above is not None:
        names.append(f"{type(above).__name__}{'#' + above.objectName() if above.objectName() else ''}")
        above = above.parentWidget()
    return " < ".join(names[:4])


def test_every_control_of_the_window_has_a_name(qtbot, opened):
    opened.bench.session.do(AddSkeleton(Skeleton(("nose", "tail"))))
    opened.finding.panel.more.setChecked(True)
    for task in range(3):
        opened.finding.panel.task.set_index(task)
        opened.finding.panel.choose_task(opened.finding.panel.spec.id)
    assert nameless(opened) == []
    assert opened.bench.canvas.accessibleName()


def test_every_control_of_a_form_has_the_name_of_its_field(opened):
    for form in opened.findChildren(Form):
        for control in form.findChildren(QWidget):
            if isinstance(control, QAbstractSpinBox | QComboBox | QAbstractSlider) and not isinstance(
                control, QScrollBar
            ):
                assert control.accessibleName(), _place(control)


@pytest.mark.parametrize("action", ["export", "import", "settings", "shortcuts", "statistics"])
def test_every_control_of_a_dialog_has_a_name(qtbot, opened, action):
    with qtbot.waitSignal(opened.bench.jobs.ended, timeout=10_000):
        opened.finding.runs.run()
    opened.bench.actions[action].trigger()
    dialog = next(each for each in opened.findChildren(QDialog) if each.isVisible())
    assert nameless(dialog) == []
    dialog.reject()


def test_every_control_of_the_other_dialogs_has_a_name(qtbot, opened, tmp_path):
    bench = opened.bench
    bench.session.do(AddSkeleton(Skeleton(("nose", "tail"))))
    dialogs = [
        SkeletonDialog(bench.document, 1, opened),
        LocateDialog(list(bench.document.images()), tmp_path, bench.side_jobs, lambda _places: True, opened),
        ImportDialog(bench.document, tmp_path, bench.side_jobs, lambda _command: True, opened),
    ]
    for dialog in dialogs:
        assert nameless(dialog) == [], type(dialog).__name__
        dialog.reject()
