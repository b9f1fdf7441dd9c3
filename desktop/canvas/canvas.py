"""The canvas widget: what `Stage` shows, and the pointer and the keys that act on it through the active tool."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QPointF, Qt, Signal
from PySide6.QtGui import (
    QEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QNativeGestureEvent,
    QPainter,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QAbstractSpinBox, QApplication, QLineEdit, QPlainTextEdit, QWidget

from counterpart.desktop.canvas.captions import paint_chip
from counterpart.desktop.canvas.crosshair import paint_crosshair
from counterpart.desktop.canvas.hands import LOSING, Hands
from counterpart.desktop.canvas.minimap import Minimap
from counterpart.desktop.canvas.photo import Photo
from counterpart.desktop.canvas.stage import Stage
from counterpart.desktop.canvas.tool import Tool
from counterpart.desktop.widgets.theme import small_font

_ZOOM_PER_DEGREE = 1.2 ** (1 / 15)
_MODIFIERS = {
    Qt.Key.Key_Control: Qt.KeyboardModifier.ControlModifier,
    Qt.Key.Key_Shift: Qt.KeyboardModifier.ShiftModifier,
    Qt.Key.Key_Alt: Qt.KeyboardModifier.AltModifier,
}


class Canvas(Stage):
    """Routes the pointer over one or two images to the active tool.

    Signals:
        hovered_at: Pane index and image xy under the pointer.
        hover_left: The pointer is on no image any more.
        pane_activated: Pane that was pressed in.
        modifiers_changed: Modifier keys that are down now.

    Attributes:
        hands: Owns what is begun here.
        wheel_zooms: Whether the wheel alone zooms.
    """

    hovered_at = Signal(int, float, float)
    hover_left = Signal()
    pane_activated = Signal(int)
    modifiers_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.wheel_zooms = True
        self.hands = Hands(self)
        self.hands.cursor_wanted.connect(self._show_cursor)
        self._crosshair = False
        self._at: QPointF | None = None
        self._minimap_wanted = False
        self.minimaps = [Minimap(pane, self) for pane in self.panes]
        for index, each in enumerate(self.minimaps):
            each.moved.connect(lambda x, y, index=index: self.look_at(index, x, y))

    # What floats over the images --------------------------------------------------------------------------------

    def show_minimaps(self, wanted: bool) -> None:
        """Whether a small picture of the whole image says which part of it is seen."""
        self._minimap_wanted = wanted
        self._views_moved()

    def show_crosshair(self, shown: bool) -> None:
        """Whether lines through the pointer cross the image."""
        self._crosshair = shown
        self.update()

    def _views_moved(self) -> None:
        for index, each in enumerate(self.minimaps):
            each.follow(wanted=self._minimap_wanted and index < self._count, overlay=self.overlay_shown)

    def labels_changed(self, pane: int, left: int, top: int, right: int, bottom: int) -> None:
        super().labels_changed(pane, left, top, right, bottom)
        self.minimaps[pane].labels_changed()

    def refresh(self, pane: int | None = None) -> None:
        super().refresh(pane)
        for index in range(2) if pane is None else (pane,):
            self.minimaps[index].labels_changed()

    def paint_over(self, painter: QPainter) -> None:
        if self._crosshair and self._at is not None:
            index = self.pane_at(self._at)
            if index is not None:
                paint_crosshair(painter, self.panes[index], self._at, self.font())
        if self.tool is not None:
            self.tool.paint(painter)
        if notice := self.notice:
            painter.setFont(small_font(self.font()))
            paint_chip(painter, notice, 8, self.height() - 8, above=True)

    @property
    def notice(self) -> str:
        """What the canvas says of how the photographs are shown; empty where they are shown as they are."""
        photos = [pane.photo for pane in self.shown() if pane.photo is not None]
        look = self.panes[0].look
        brightened = [f"For viewing only: {look.text()}"] if photos and not look.neutral else []
        return " · ".join(dict.fromkeys([*brightened, *(photo.note for photo in photos if photo.note)]))

    def set_photo(
        self, pane: int, photo: Photo | None, key: object, *, message: str = "", keep_view: bool = False
    ) -> None:
        """Show an image in a pane, or a message instead; what is begun on the old one ends."""
        self.hands.leave(pane)
        super().set_photo(pane, photo, key, message=message, keep_view=keep_view)
        self.hands.resume()

    def leave_image(self, pane: int) -> None:
        """The image of a pane goes as soon as another is read: what is begun on it ends, and nothing more begins."""
        self.hands.leave(pane)
        self.panes[pane].leaving = True

    def set_count(self, count: Literal[1, 2]) -> None:
        """Show one image or two; what is begun in a pane that goes ends."""
        if count != self._count:
            self.hands.lose()
            self.hands.leave(count)
        super().set_count(count)
        self.hands.resume()

    # Tools --------------------------------------------------------------------------------------------------

    @property
    def tool(self) -> Tool | None:
        """What the pointer does."""
        return self.hands.tool

    def set_tool(self, tool: Tool | None) -> None:
        """Choose what the pointer does."""
        self.hands.set_tool(tool)
        self._show_cursor()
        self.update()

    def _show_cursor(self) -> None:
        if self.hands.panning:
            self.setCursor(Qt.CursorShape.ClosedHandCursor)
        elif self.hands.space and not self.hands.dragging:
            self.setCursor(Qt.CursorShape.OpenHandCursor)
        else:
            self.setCursor(self.tool.cursor if self.tool else Qt.CursorShape.ArrowCursor)

    # Pointer ------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._press(event, double=False)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        # Qt tells the second of two quick presses as this, and tells no press then.
        self._press(event, double=True)

    def _press(self, event: QMouseEvent, *, double: bool) -> None:
        index = self.pane_at(event.position())
        if index is not None and self.hands.state.held is None:
            self.pane_activated.emit(index)
        self.hands.press(event, double=double)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if not self.hands.panning:
            self._point(event.position())
            pointer = self.hands.place(event)
            if pointer is not None and pointer.inside:
                self.hovered_at.emit(pointer.pane, *pointer.xy)
            else:
                self.hover_left.emit()
        self.hands.move(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self.hands.release(event)
        self._views_moved()

    def wheelEvent(self, event: QWheelEvent) -> None:
        index = self.pane_at(event.position())
        if index is None or self.panes[index].photo is None:
            return
        event.accept()
        if not self.hands.ask("waits"):  # the image stays where it is below a drag
            return
        view = self.panes[index].view
        control = bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier)
        if self.wheel_zooms or control:
            view.zoom(_ZOOM_PER_DEGREE ** (event.angleDelta().y() / 8), event.position())
        else:
            step = event.pixelDelta() if not event.pixelDelta().isNull() else event.angleDelta() / 2
            view.pan(step.x(), step.y())
        self._view_changed(index)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self.hands.lose()  # the image moves away below the pointer
        super().resizeEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() in LOSING:
            self.hands.lose()
        if isinstance(event, QNativeGestureEvent) and event.gestureType() == Qt.NativeGestureType.ZoomNativeGesture:
            index = self.pane_at(event.position())
            if index is not None and self.hands.ask("waits"):
                self.panes[index].view.zoom(1.0 + event.value(), event.position())
                self._view_changed(index)
            return True
        return super().event(event)

    def enterEvent(self, event: QEnterEvent) -> None:
        # Keys that belong to the canvas (Space to pan) should work where the pointer is, unless somebody is
        # typing.
        typing = isinstance(QApplication.focusWidget(), QLineEdit | QAbstractSpinBox | QPlainTextEdit)
        if not typing and self.window().isActiveWindow():
            self.setFocus(Qt.FocusReason.MouseFocusReason)
        super().enterEvent(event)

    def leaveEvent(self, event: QEvent) -> None:
        self._point(None)
        self.hover_left.emit()
        if self.tool is not None:
            self.tool.leave()
        super().leaveEvent(event)

    def _point(self, position: QPointF | None) -> None:
        """The pointer is elsewhere: the crosshair follows, and a small map gives way to a gesture under it."""
        self._at = position
        if self._crosshair:
            self.update()
        if position is not None and self.hands.dragging:
            for each in self.minimaps:
                if each.isVisible() and each.geometry().contains(position.toPoint()):
                    each.hide()

    # Keys ---------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        self._modifier(event, down=True)
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.hands.space = True
            self._show_cursor()
        elif event.key() != Qt.Key.Key_Space:
            super().keyPressEvent(event)

    def keyReleaseEvent(self, event: QKeyEvent) -> None:
        self._modifier(event, down=False)
        if event.key() == Qt.Key.Key_Space and not event.isAutoRepeat():
            self.hands.space = False
            self._show_cursor()
        elif event.key() != Qt.Key.Key_Space:
            super().keyReleaseEvent(event)

    def _modifier(self, event: QKeyEvent, *, down: bool) -> None:
        flag = _MODIFIERS.get(Qt.Key(event.key()))
        if flag is not None:
            # Platforms differ in whether the key itself is among the modifiers of its own event.
            held = event.modifiers() | flag if down else event.modifiers() & ~flag
            self.modifiers_changed.emit(held)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        self.hands.lose()
        self.hands.space = False
        self._show_cursor()
        self.modifiers_changed.emit(Qt.KeyboardModifier.NoModifier)
        super().focusOutEvent(event)
