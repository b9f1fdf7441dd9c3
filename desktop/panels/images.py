"""The panel that lists the images: thumbnails with overlays, review state, search, filter, counts."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QColor, QImage, QMouseEvent, QPainter, QPainterPath, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QMenu,
    QStackedLayout,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from core.project.model import ImageRecord
from desktop.canvas.grid_paint import GridPaint
from desktop.canvas.pane import Heat, heat_picture
from desktop.icons import icon, pixmap
from desktop.panels.image_model import STATE_NAMES, ImageModel, Roles
from desktop.panels.thumbnails import Thumbnails
from desktop.theme import GRID, Colours, colours, small_font
from desktop.widgets import EmptyState, heading, muted

__all__ = ["ImagesPanel", "state_colour"]

_THUMB = QSize(72, 54)
_ROW = 70
_HEAT_PX = 72
_COUNTING_MS = 40


def state_colour(state: str, theme: Colours) -> str:
    """The colour of a review state's dot."""
    return {
        "todo": theme.faint,
        "predicted": theme.accent,
        "edited": theme.warning,
        "reviewed": theme.good,
        "skipped": theme.border,
    }[state]


class _Delegate(QStyledItemDelegate):
    """Paints a row: picture, name, state."""

    def sizeHint(self, _option: QStyleOptionViewItem, _index: QModelIndex | QPersistentModelIndex) -> QSize:
        return QSize(160, _ROW)

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
        text = problem or STATE_NAMES[record.state]
        if not problem and record.doubt is not None and record.state == "predicted":
            text += f" · doubt {record.doubt:.0%}"
        painter.setPen(QColor(theme.danger if problem else theme.muted))
        room = box.adjusted(13, 0, 0, 0)
        painter.drawText(
            room, Qt.AlignmentFlag.AlignVCenter, metrics.elidedText(text, Qt.TextElideMode.ElideRight, room.width())
        )


class _List(QTableView):
    """Reports which rows can be seen, so that thumbnails are made for those alone.

    A table of one column: unlike Qt's list view it does not lay out every row of a hundred thousand.
    """

    scrolled = Signal()
    control_clicked = Signal(QModelIndex)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        control = event.modifiers() & Qt.KeyboardModifier.ControlModifier
        if index.isValid() and control and event.button() == Qt.MouseButton.LeftButton:
            self.control_clicked.emit(index)
            return
        super().mousePressEvent(event)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        super().scrollContentsBy(dx, dy)
        self.scrolled.emit()


class ImagesPanel(QWidget):
    """Lists the images of the project.

    Signals:
        chosen: Image that was made the current one.
        chosen_right: Image that was asked for on the right side.
        state_wanted: Image and the review state that it should have.
        remove_wanted: Image to take out of the project.
        reveal_wanted: Image whose folder should be shown.
        counted: Numbers of images by state are up to date; at most some times a second.
    """

    chosen = Signal(int)
    chosen_right = Signal(int)
    state_wanted = Signal(int, str)
    remove_wanted = Signal(int)
    reveal_wanted = Signal(int)
    counted = Signal()

    def __init__(self, thumbnails: Thumbnails, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._thumbnails = thumbnails
        self._chosen = 0
        self.model = ImageModel(thumbnails.get, self)
        self.view = _List()
        self.view.setObjectName("images")
        self.view.setAccessibleName("Images")
        self.view.setModel(self.model)
        self.view.setItemDelegate(_Delegate(self.view))
        self.view.horizontalHeader().hide()
        self.view.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.view.verticalHeader().hide()
        self.view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.view.verticalHeader().setDefaultSectionSize(_ROW)
        self.view.setShowGrid(False)
        self.view.setTabKeyNavigation(False)
        self.view.setMouseTracking(True)
        self.view.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.view.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search names")
        self.search.setClearButtonEnabled(True)
        self._glass = self.search.addAction(icon("search", colours().muted), QLineEdit.ActionPosition.LeadingPosition)
        self.state = QComboBox()
        self.state.setAccessibleName("Filter by state")
        self.state.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.count = muted()
        self.empty = EmptyState("image", "No images yet", "Open a folder, or drop images or a folder here.")
        self._layout()
        self._typing = QTimer(self)
        self._typing.setSingleShot(True)
        self._typing.setInterval(120)
        self._typing.timeout.connect(self._filter)
        self.search.textChanged.connect(self._on_typed)
        self.state.currentIndexChanged.connect(self._filter)
        self.view.selectionModel().currentChanged.connect(self._on_current)
        self.view.scrolled.connect(self._drop_unseen)
        self.view.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.view.customContextMenuRequested.connect(self._menu)
        self.view.control_clicked.connect(self._on_control_clicked)
        self._counting = QTimer(self)
        self._counting.setSingleShot(True)
        self._counting.setInterval(_COUNTING_MS)
        self._counting.timeout.connect(self._show_counts)
        self.model.counts_changed.connect(self._count_soon)
        thumbnails.ready.connect(self._on_thumbnail)
        thumbnails.failed.connect(self.model.set_problem)
        self._show_counts()

    def _layout(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(GRID)
        top.addWidget(heading("Images"))
        top.addWidget(self.count)
        top.addStretch(1)
        top.addWidget(self.state)
        head = QVBoxLayout()
        head.setContentsMargins(12, 12, 12, 8)
        head.setSpacing(GRID)
        head.addLayout(top)
        head.addWidget(self.search)
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.setContentsMargins(0, 0, 0, 0)
        self._stack.addWidget(self.view)
        self._stack.addWidget(self.empty)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addLayout(head)
        box.addWidget(body, 1)
        self.setMinimumWidth(220)

    # Current image ------------------------------------------------------------------------------------------

    @property
    def current(self) -> int:
        """The image that was chosen last, 0 for none; it stays the current one when a filter hides it."""
        return self._chosen if self.model.record(self._chosen) is not None else 0

    def select(self, image: int) -> None:
        """Select an image and bring it into sight; `chosen` tells."""
        row = self.model.row(image)
        if row < 0:
            return
        self.view.setCurrentIndex(self.model.index(row))
        self.view.scrollTo(self.model.index(row))

    @Slot(object)
    def set_heats(self, heats: Mapping[int, Heat | GridPaint]) -> None:
        """Lay maps of numbers or colours over thumbnails."""
        self.model.set_heats({image: heat_picture(heat, _HEAT_PX) for image, heat in heats.items()})

    def retint(self) -> None:
        """Follow a change of theme."""
        self._glass.setIcon(icon("search", colours().muted))
        self.view.viewport().update()

    @Slot(QModelIndex, QModelIndex)
    def _on_current(self, now: QModelIndex, _before: QModelIndex) -> None:
        if now.isValid():
            self._chosen = self.model.shown[now.row()]
            self.chosen.emit(self._chosen)

    @Slot(QModelIndex)
    def _on_control_clicked(self, index: QModelIndex) -> None:
        self.chosen_right.emit(self.model.shown[index.row()])

    @Slot(QPoint)
    def _menu(self, position: QPoint) -> None:
        index = self.view.indexAt(position)
        if index.isValid():
            menu = self.menu_for(self.model.shown[index.row()])
            menu.popup(self.view.viewport().mapToGlobal(position))

    def menu_for(self, image: int) -> QMenu:
        """What can be done with an image of the list."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        record = self.model.record(image)
        right = menu.addAction("Show on the right")
        right.triggered.connect(lambda: self.chosen_right.emit(image))
        menu.addSeparator()
        for state, words in (("reviewed", "Mark as reviewed"), ("todo", "Mark as to do"), ("skipped", "Skip")):
            action = menu.addAction(words)
            action.setEnabled(record is not None and record.state != state)
            action.triggered.connect(lambda _checked=False, state=state: self.state_wanted.emit(image, state))
        menu.addSeparator()
        menu.addAction("Show in folder").triggered.connect(lambda: self.reveal_wanted.emit(image))
        menu.addAction("Remove from project").triggered.connect(lambda: self.remove_wanted.emit(image))
        return menu

    # Thumbnails ---------------------------------------------------------------------------------------------

    def visible_images(self) -> list[int]:
        """The images whose rows can be seen now."""
        area = self.view.viewport().rect()
        first = self.view.indexAt(area.topLeft())
        if not first.isValid():
            return []
        last = first.row() + area.height() // _ROW + 2
        return list(self.model.shown[first.row() : last])

    @Slot()
    def _drop_unseen(self) -> None:
        self._thumbnails.keep_only(set(self.visible_images()))

    @Slot(int)
    def _on_thumbnail(self, image: int) -> None:
        self.model.touch(image)

    # Filter -------------------------------------------------------------------------------------------------

    @Slot(str)
    def _on_typed(self, _text: str) -> None:
        self._typing.start()

    @Slot()
    def _filter(self) -> None:
        keep = self.current
        self._typing.stop()
        self.model.set_filter(self.search.text().strip(), self.state.currentData() or "")
        self.select(keep)

    @Slot()
    def _count_soon(self) -> None:
        if not self._counting.isActive():
            self._counting.start()

    @Slot()
    def _show_counts(self) -> None:
        counts = self.model.counts()
        total, shown = self.model.total, self.model.rowCount()
        self.count.setText(f"{total:,}" if shown == total else f"{shown:,} of {total:,}")
        entries = [("All", "", total)]
        entries += [(STATE_NAMES[state], state, counts[state]) for state in STATE_NAMES]
        if counts["missing"]:
            entries.append(("Missing", "missing", counts["missing"]))
        if counts["unreadable"]:
            entries.append(("Unreadable", "unreadable", counts["unreadable"]))
        self._fill_states(entries)
        if total and not shown:
            self.empty.say("Nothing matches", "Change the search or the filter.")
        elif not total:
            self.empty.say("No images yet", "Open a folder, or drop images or a folder here.")
        self._stack.setCurrentIndex(0 if shown else 1)
        self.counted.emit()

    def _fill_states(self, entries: list[tuple[str, str, int]]) -> None:
        keep = self.state.currentData() or ""
        self.state.blockSignals(True)
        if [self.state.itemData(i) for i in range(self.state.count())] != [value for _, value, _ in entries]:
            self.state.clear()
            for _, value, _ in entries:
                self.state.addItem("", value)
        for index, (text, value, count) in enumerate(entries):
            self.state.setItemText(index, f"{text} ({count:,})" if value else text)
        self.state.setCurrentIndex(max(self.state.findData(keep), 0))
        self.state.blockSignals(False)
