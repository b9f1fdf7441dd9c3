"""Rows of the image list: how they are painted, and the list that tells which of them can be seen."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QColor, QImage, QKeyEvent, QMouseEvent, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTableView

from counterpart.core.project.model import ImageRecord
from counterpart.desktop.images.image_model import Roles
from counterpart.desktop.images.image_words import STATE_NAMES
from counterpart.desktop.widgets.icons import pixmap
from counterpart.desktop.widgets.theme import Colours, colours, small_font

_THUMB = QSize(72, 54)
ROW_PX = 70
"""Height of a row."""


def state_colour(state: str, theme: Colours) -> str:
    """The colour of a review state's dot."""
    return {
        "todo": theme.faint,
        "predicted": theme.accent,
        "edited": theme.warning,
        "reviewed": theme.good,
        "skipped": theme.border,
    }[state]


class RowDelegate(QStyledItemDelegate):
    """Paints a row: picture, name, state."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(160, ROW_PX)

    def paint(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        record: ImageRecord = index.data(Roles.RECORD)
        problem: str = index.data(Roles.PROBLEM)
        theme = colours()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        self._ground(painter, option, theme)
        box = QRect(option.rect.left() + 12, option.rect.top() + 8, _THUMB.width(), _THUMB.height())
        self._picture(painter, box, index.data(Roles.THUMBNAIL), index.data(Roles.HEAT), problem, theme)
        left = box.right() + 12
        words = QRect(left, option.rect.top() + 12, option.rect.right() - left - 8, 20)
        side = index.data(Roles.SIDE)
        if side:
            words = self._badge(painter, words, side, theme)
        painter.setFont(option.font)
        painter.setPen(QColor(theme.text))
        name = painter.fontMetrics().elidedText(record.name, Qt.TextElideMode.ElideMiddle, words.width())
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter, name)
        self._state(painter, QRect(left, option.rect.top() + 34, words.right() - left, 20), option, record, problem)
        painter.restore()

    def _ground(self, painter: QPainter, option: QStyleOptionViewItem, theme: Colours) -> None:
        if option.state & QStyle.StateFlag.State_Selected:
            tone = QColor(theme.accent)
            tone.setAlphaF(0.18 if theme.dark else 0.14)
            painter.fillRect(option.rect, tone)
            painter.fillRect(
                QRect(option.rect.left(), option.rect.top(), 3, option.rect.height()), QColor(theme.accent)
            )
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.fillRect(option.rect, QColor(theme.hover))

    def _picture(
        self, painter: QPainter, box: QRect, picture: QPixmap | None, heat: QImage | None, problem: str, theme: Colours
    ) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.canvas))
        painter.drawRoundedRect(box, 4, 4)
        if picture is None:
            name = "broken-image" if problem else "image"
            drawing = pixmap(name, 24, theme.danger if problem else theme.faint, painter.device().devicePixelRatioF())
            painter.drawPixmap(box.center().x() - 12, box.center().y() - 12, drawing)
            return
        # The picture covers its box: rows line up, whatever the shape of the images.
        scale = max(box.width() / picture.width(), box.height() / picture.height())
        width, height = box.width() / scale, box.height() / scale
        source = QRectF((picture.width() - width) / 2, (picture.height() - height) / 2, width, height)
        path = QPainterPath()
        path.addRoundedRect(QRectF(box), 4, 4)
        painter.save()
        painter.setClipPath(path)
        painter.drawPixmap(QRectF(box), picture, source)
        if heat is not None:
            to_x, to_y = heat.width() / picture.width(), heat.height() / picture.height()
            part = QRectF(source.x() * to_x, source.y() * to_y, source.width() * to_x, source.height() * to_y)
            painter.drawImage(QRectF(box), heat, part)
        painter.restore()

    def _badge(self, painter: QPainter, words: QRect, side: str, theme: Colours) -> QRect:
        box = QRect(words.right() - 17, words.top() + 1, 18, 18)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.accent))
        painter.drawRoundedRect(box, 4, 4)
        painter.setPen(QColor(theme.on_accent))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, side)
        return words.adjusted(0, 0, -24, 0)

    def _state(
        self, painter: QPainter, box: QRect, option: QStyleOptionViewItem, record: ImageRecord, problem: str
    ) -> None:
        theme = colours()
        painter.setFont(small_font(option.font))
        metrics = painter.fontMetrics()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(theme.danger if problem else state_colour(record.state, theme)))
        painter.drawEllipse(QRectF(box.left(), box.center().y() - 3, 7, 7))
        room = box.adjusted(13, 0, 0, 0)
        text = problem or STATE_NAMES[record.state]
        if not problem and record.doubt is not None and record.state == "predicted":
            doubt = f"doubt {record.doubt:.0%}"
            # The dot's colour says that it is predicted; where there is room, words do too.
            text = f"{text} · {doubt}" if metrics.horizontalAdvance(f"{text} · {doubt}") <= room.width() else doubt
        painter.setPen(QColor(theme.danger if problem else theme.muted))
        painter.drawText(
            room, Qt.AlignmentFlag.AlignVCenter, metrics.elidedText(text, Qt.TextElideMode.ElideRight, room.width())
        )


class ImageList(QTableView):
    """Reports which rows can be seen, so that thumbnails are made for those alone.

    A table of one column: unlike Qt's list view it does not lay out every row of a hundred thousand.

    Attributes:
        paired: Whether two images are shown: Ctrl+click then chooses the one on the right.

    Signals:
        scrolled: Other rows can be seen.
        control_clicked: Row that was meant for the right side.
        delete_pressed: The selected rows are to go.
    """

    scrolled = Signal()
    control_clicked = Signal(QModelIndex)
    delete_pressed = Signal()
    paired = False

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        right = event.modifiers() == Qt.KeyboardModifier.AltModifier or (
            self.paired and event.modifiers() == Qt.KeyboardModifier.ControlModifier
        )
        if index.isValid() and right and event.button() == Qt.MouseButton.LeftButton:
            self.control_clicked.emit(index)
            return
        if event.button() == Qt.MouseButton.RightButton and index.isValid() and self.selectionModel().isSelected(index):
            return  # the menu is for all that is selected
        super().mousePressEvent(event)

    def event(self, event: QEvent) -> bool:
        # With the list in hand, Delete is about images, whatever it is elsewhere in the window.
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent) and _deletes(event):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if _deletes(event):
            self.delete_pressed.emit()
            return
        super().keyPressEvent(event)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        self.scrolled.emit()


def _deletes(event: QKeyEvent) -> bool:
    """Whether it is Delete alone, on the keypad too."""
    return event.key() == Qt.Key.Key_Delete and not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
