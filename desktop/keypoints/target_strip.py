"""The strip of targets below the paired view: one image's points, and what became of them in all the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PySide6.QtCore import (
    QAbstractListModel,
    QItemSelectionModel,
    QModelIndex,
    QPersistentModelIndex,
    QPointF,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
    Slot,
)
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPen, QPixmap
from PySide6.QtWidgets import QFrame, QListView, QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from counterpart.core.project.model import ImageRecord
from counterpart.core.project.points import Origin
from counterpart.desktop.canvas.viewport import Viewport
from counterpart.desktop.images.thumbnails import Thumbnails
from counterpart.desktop.keypoints.instance_drawing import Drawn, draw_instance
from counterpart.desktop.widgets.icons import pixmap
from counterpart.desktop.widgets.theme import colours, small_font

Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()
_PICTURE = QSize(164, 116)
_ITEM = QSize(176, 146)
_RECORD, _IMAGE = Qt.ItemDataRole.UserRole + 1, Qt.ItemDataRole.UserRole + 2
_POINT_SCALE = 0.55


class _Model(QAbstractListModel):
    """The images in their order."""

    def __init__(self, record_of: Callable[[int], ImageRecord | None]) -> None:
        super().__init__()
        self._record_of = record_of
        self.images: list[int] = []

    def set_images(self, images: Sequence[int]) -> None:
        """Show these images."""
        if list(images) != self.images:
            self.beginResetModel()
            self.images = list(images)
            self.endResetModel()

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self.images)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        record = self._record_of(self.images[index.row()])
        if role == _RECORD:
            return record
        if role == _IMAGE:
            return self.images[index.row()]
        if role in (Qt.ItemDataRole.ToolTipRole, Qt.ItemDataRole.AccessibleTextRole) and record is not None:
            return record.name
        return None


class _Delegate(QStyledItemDelegate):
    """Paints a picture with its points, the name below, and how sure the points are."""

    def __init__(self, thumbnails: Thumbnails, drawn_of: Callable[[int], list[Drawn]], parent: QWidget) -> None:
        super().__init__(parent)
        self._thumbnails, self._drawn_of = thumbnails, drawn_of

    def sizeHint(self, _option: QStyleOptionViewItem, _index: Index) -> QSize:
        return _ITEM

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        record: ImageRecord | None = index.data(_RECORD)
        if record is None:
            return
        theme = colours()
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        box = QRect(option.rect.left() + 6, option.rect.top() + 6, _PICTURE.width(), _PICTURE.height())
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(box), 4, 4)
        painter.fillPath(outline, QColor(theme.canvas))
        drawn = self._drawn_of(record.id)
        picture = self._thumbnails.get(record)
        painter.save()
        painter.setClipPath(outline)
        if picture is None:
            mark = pixmap("image", 24, theme.faint, painter.device().devicePixelRatioF())
            painter.drawPixmap(box.center().x() - 12, box.center().y() - 12, mark)
        else:
            self._picture(painter, box, picture, record, drawn)
        painter.restore()
        if option.state & QStyle.StateFlag.State_Selected:
            painter.setPen(QPen(QColor(theme.accent), 2))
            painter.drawPath(outline)
        elif option.state & QStyle.StateFlag.State_MouseOver:
            painter.setPen(QPen(QColor(theme.muted), 1))
            painter.drawPath(outline)
        self._words(painter, option, record, drawn)
        painter.restore()

    def _picture(
        self, painter: QPainter, box: QRect, picture: QPixmap, record: ImageRecord, drawn: Sequence[Drawn]
    ) -> None:
        """The whole image, however it is shaped: no point may be cut off."""
        fit = min(box.width() / picture.width(), box.height() / picture.height())
        width, height = picture.width() * fit, picture.height() * fit
        place = QRectF(box.center().x() + 0.5 - width / 2, box.center().y() + 0.5 - height / 2, width, height)
        painter.drawPixmap(place, picture, QRectF(picture.rect()))
        if record.width and record.height:
            view = Viewport(record.hw, QRectF(box), 1.0, width / record.width, QPointF(place.left(), place.top()))
            for each in drawn:
                draw_instance(painter, each, view, scale=_POINT_SCALE)

    def _words(
        self, painter: QPainter, option: QStyleOptionViewItem, record: ImageRecord, drawn: Sequence[Drawn]
    ) -> None:
        theme = colours()
        line = QRect(option.rect.left() + 8, option.rect.bottom() - 22, _PICTURE.width() - 4, 18)
        painter.setFont(small_font(option.font))
        said, tone = _certainty(drawn)
        painter.setPen(QColor(getattr(theme, tone)))
        painter.drawText(line, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, said)
        room = line.width() - painter.fontMetrics().horizontalAdvance(said) - 8
        name = painter.fontMetrics().elidedText(record.name, Qt.TextElideMode.ElideMiddle, room)
        painter.setPen(QColor(theme.text))
        painter.drawText(line, Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter, name)


def _certainty(drawn: Sequence[Drawn]) -> tuple[str, str]:
    """What to say of the points of an image, and the theme's colour to say it in."""
    scores = [each.points.score[each.points.present & (each.points.origin == Origin.TRANSFERRED)] for each in drawn]
    guessed = np.concatenate(scores) if scores else np.empty(0)
    if guessed.size:
        sure = float(guessed.mean())
        return f"{sure:.0%} sure", "warning" if sure < 0.5 else "muted"
    return ("confirmed", "good") if any(each.points.present.any() for each in drawn) else ("", "muted")


class TargetStrip(QListView):
    """One row of pictures; a click shows one on the right.

    Args:
        thumbnails: Makes the pictures.
        record_of: Gives the record of an image.
        drawn_of: Gives the instances of an image.

    Signals:
        chosen: Image to show on the right.
    """

    chosen = Signal(int)

    def __init__(
        self,
        thumbnails: Thumbnails,
        record_of: Callable[[int], ImageRecord | None],
        drawn_of: Callable[[int], list[Drawn]],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.setObjectName("strip")
        self.setAccessibleName("Targets")
        self.model_ = _Model(record_of)
        self.setModel(self.model_)
        self.setItemDelegate(_Delegate(thumbnails, drawn_of, self))
        self.setFlow(QListView.Flow.LeftToRight)
        self.setWrapping(False)
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedHeight(_ITEM.height() + self.horizontalScrollBar().sizeHint().height() + 4)
        self._quiet = False
        self.selectionModel().currentChanged.connect(self._on_current)
        thumbnails.ready.connect(self._repaint)
        self.hide()

    def show_images(self, images: Sequence[int], right: int) -> None:
        """Show these images, the one on the right marked."""
        self._quiet = True
        self.model_.set_images(images)
        if right in self.model_.images:
            index = self.model_.index(self.model_.images.index(right))
            self.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.scrollTo(index)
        else:
            self.clearSelection()
        self._quiet = False
        self._repaint()

    @Slot()
    def _repaint(self) -> None:
        if self.isVisible():
            self.viewport().update()

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid() and not self._quiet:
            self.chosen.emit(self.model_.images[now.row()])
