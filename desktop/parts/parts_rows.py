"""Rows of the legend: the eye and the lock, and a table whose rows can be dragged into another order."""

from __future__ import annotations

from PySide6.QtCore import (
    QAbstractItemModel,
    QEvent,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QAbstractItemDelegate,
    QApplication,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from counterpart.core.project.model import PartLabel
from counterpart.desktop.parts.parts_model import NAME
from counterpart.desktop.widgets.icons import pixmap
from counterpart.desktop.widgets.table_model import NEXT_NAME
from counterpart.desktop.widgets.theme import colours

Index = QModelIndex | QPersistentModelIndex


class PartToggle(QStyledItemDelegate):
    """An icon that says on or off, and asks for the other when clicked."""

    clicked = Signal(int)

    def __init__(self, on: str, off: str, attribute: str, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._on, self._off, self._attribute = on, off, attribute

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return QSize(28, 30)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        part: PartLabel = index.data(Qt.ItemDataRole.UserRole)
        theme = colours()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.fillRect(option.rect, option.palette.highlight().color())
        on = bool(getattr(part, self._attribute))
        usual = on if self._attribute == "visible" else not on
        hovered = bool(option.state & QStyle.StateFlag.State_MouseOver)
        colour = theme.text if hovered else theme.muted if usual and self._attribute == "visible" else theme.faint
        if self._attribute == "locked" and on:
            colour = theme.warning
        drawing = pixmap(self._on if on else self._off, 16, colour, painter.device().devicePixelRatioF())
        centre = option.rect.center()
        painter.drawPixmap(QRect(centre.x() - 7, centre.y() - 7, 16, 16), drawing)

    def editorEvent(
        self, event: QEvent, _model: QAbstractItemModel, option: QStyleOptionViewItem, index: Index
    ) -> bool:
        if (
            event.type() == QEvent.Type.MouseButtonRelease
            and isinstance(event, QMouseEvent)
            and event.button() == Qt.MouseButton.LeftButton
            and option.rect.contains(event.position().toPoint())
        ):
            self.clicked.emit(index.row())
            return True
        return False


class PartsTable(QTableView):
    """Says which row is under the pointer, and lets a row be dragged to another place.

    Signals:
        hovered: Row under the pointer, -1 for none.
        moved: Row that was dragged, and the row before which it was dropped.
        delete_pressed: The selected rows are to go.
    """

    hovered = Signal(int)
    moved = Signal(int, int)
    delete_pressed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._pressed: QPoint | None = None
        self._dragged = -1
        self._target = -1

    def mousePressEvent(self, event: QMouseEvent) -> None:
        left = event.button() == Qt.MouseButton.LeftButton and not event.modifiers()
        self._pressed = event.position().toPoint() if left else None
        if event.button() == Qt.MouseButton.RightButton and self._selected_at(event.position().toPoint()):
            return  # the menu is for all that is selected
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        at = event.position().toPoint()
        index = self.indexAt(at)
        self.hovered.emit(index.row() if index.isValid() else -1)
        if self._pressed is None or not event.buttons() & Qt.MouseButton.LeftButton:
            super().mouseMoveEvent(event)
            return
        if self._dragged < 0 and (at - self._pressed).manhattanLength() >= QApplication.startDragDistance():
            self._dragged = self.indexAt(self._pressed).row()
        if self._dragged >= 0:
            self._target = self._gap(at)
            self.viewport().setCursor(Qt.CursorShape.ClosedHandCursor)
            self.viewport().update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        dragged, target = self._dragged, self._target
        self._end_drag()
        if dragged < 0:
            super().mouseReleaseEvent(event)
        elif target not in (dragged, dragged + 1):
            self.moved.emit(dragged, target)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        row, key = self.currentIndex().row(), event.key()
        if key == Qt.Key.Key_Escape and self._dragged >= 0:
            self._end_drag()
        elif key == Qt.Key.Key_Delete and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier:
            self.delete_pressed.emit()
        elif event.modifiers() == Qt.KeyboardModifier.ControlModifier and key == Qt.Key.Key_Up and row > 0:
            self.moved.emit(row, row - 1)
        elif event.modifiers() == Qt.KeyboardModifier.ControlModifier and key == Qt.Key.Key_Down and row >= 0:
            if row < self.model().rowCount() - 1:
                self.moved.emit(row, row + 2)
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        # With the legend in hand, Delete is about parts and Esc about the drag, whatever they are elsewhere.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            key, held = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if not held and (key == Qt.Key.Key_Delete or (key == Qt.Key.Key_Escape and self._dragged >= 0)):
                event.accept()
                return True
        return super().event(event)

    def edit_name(self, row: int) -> None:
        """Let the name of a part be typed."""
        index = self.model().index(row, NAME)
        if index.isValid():
            self.setCurrentIndex(index)
            self.edit(index)

    def closeEditor(self, editor: QWidget, hint: QAbstractItemDelegate.EndEditHint) -> None:
        """A name was taken or left; Tab goes on to the next one, Shift and Tab to the one before."""
        step = NEXT_NAME.get(hint, 0)
        super().closeEditor(editor, QAbstractItemDelegate.EndEditHint.NoHint if step else hint)
        if step:
            self.edit_name(self.currentIndex().row() + step)

    def leaveEvent(self, event: QEvent) -> None:
        self.hovered.emit(-1)
        super().leaveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._target < 0:
            return
        last = self.model().rowCount() - 1
        row = min(self._target, last)
        rect = self.visualRect(self.model().index(row, 0))
        y = rect.top() if self._target <= last else rect.bottom()
        painter = QPainter(self.viewport())
        painter.fillRect(QRect(0, max(y - 1, 0), self.viewport().width(), 2), QColor(colours().accent))

    def _gap(self, at: QPoint) -> int:
        """The row before which something dropped here would come."""
        index = self.indexAt(QPoint(1, at.y()))
        if not index.isValid():
            return 0 if at.y() < 0 else self.model().rowCount()
        return index.row() + (at.y() > self.visualRect(index).center().y())

    def _end_drag(self) -> None:
        self._pressed, self._dragged, self._target = None, -1, -1
        self.viewport().unsetCursor()
        self.viewport().update()

    def _selected_at(self, at: QPoint) -> bool:
        index = self.indexAt(at)
        return index.isValid() and self.selectionModel().isSelected(index)
