"""One row of frames: whose the labels of each are, where one is, and a handle to go elsewhere."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPen,
    QPolygonF,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from counterpart.core.project.sequence import FrameState
from counterpart.desktop.canvas.scrub import Scrub
from counterpart.desktop.widgets.theme import Colours, colours, small_font

_MARGIN = 12.0
_TOP, _BAR, _RULER = 8, 24, 16
_LABEL_PX = 64
_PAGE = 10


def state_colour(state: FrameState, theme: Colours) -> str:
    """The colour of a frame's state."""
    return {
        FrameState.NONE: theme.canvas,
        FrameState.SKIPPED: theme.border,
        FrameState.TRACKED: theme.accent,
        FrameState.DOUBTFUL: theme.warning,
        FrameState.ANNOTATED: theme.good,
    }[state]


_HEIGHT = {FrameState.TRACKED: 0.55, FrameState.DOUBTFUL: 0.8, FrameState.ANNOTATED: 1.0}
"""Share of the row that a state fills: states can be told apart without colour."""


class FrameTrack(QWidget):
    """Paints thousands of frames in a row, at a cost that depends on its width alone.

    Args:
        describe: What the pointer says about a frame.

    Attributes:
        scrub: Pressing and dragging in it.

    Signals:
        wanted: Frame to go to.
    """

    wanted = Signal(int)

    def __init__(self, describe: Callable[[int], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._describe = describe
        self._states: NDArray[np.uint8] = np.zeros(0, np.uint8)
        self._running: NDArray[np.bool_] = np.zeros(0, np.bool_)
        self._span: range | None = None
        self._current = self._before = 0
        self.scrub = Scrub(self, self._scrubbed, self._go_back)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setFixedHeight(_TOP + _BAR + _RULER)
        self.setAccessibleName("Frames")
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def sizeHint(self) -> QSize:
        return QSize(600, _TOP + _BAR + _RULER)

    # What is shown ------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Number of frames."""
        return len(self._states)

    @property
    def current(self) -> int:
        """The frame that one is at."""
        return self._current

    @property
    def states(self) -> NDArray[np.uint8]:
        """(N,) `FrameState` of every frame."""
        return self._states

    def set_states(self, states: NDArray[np.uint8]) -> None:
        """Show (N,) states."""
        self._states = states
        if len(self._running) != len(states):
            self._running, self._span = np.zeros(len(states), np.bool_), None
        self.update()

    def set_current(self, frame: int) -> None:
        """Put the cursor on a frame; tells nobody."""
        if frame != self._current:
            self._current = frame
            self.setAccessibleDescription(self._describe(frame) if 0 <= frame < self.count else "")
            self.update()

    def set_span(self, span: range | None) -> None:
        """The frames that are being tracked to; None when nothing is."""
        self._span = span
        self._running = np.zeros(self.count, np.bool_)
        self.update()

    def arrived(self, frame: int) -> None:
        """A frame of the span is finished."""
        if 0 <= frame < self.count:
            self._running[frame] = True
            self.update()

    # Where frames lie ---------------------------------------------------------------------------------------------

    def _pitch(self) -> float:
        return max(self.width() - 2 * _MARGIN, 1.0) / max(self.count, 1)

    def x_of(self, frame: int) -> float:
        """The middle of a frame, widget pixels."""
        return _MARGIN + (frame + 0.5) * self._pitch()

    def frame_at(self, x: float) -> int:
        """The frame at a place, the nearest one beyond the ends."""
        return min(max(int((x - _MARGIN) / self._pitch()), 0), max(self.count - 1, 0))

    # Pointer and keys ---------------------------------------------------------------------------------------------

    def _scrubbed(self, event: QMouseEvent) -> None:
        if self.count:
            if event.type() != QEvent.Type.MouseMove:
                self._before = self._current
            self._go(self.frame_at(event.position().x()))

    def _go_back(self) -> None:
        """The drag was given up: the frame that was there before it is shown."""
        self._go(min(self._before, self.count - 1))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = _PAGE if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1
        place = {
            Qt.Key.Key_Left: self._current - step,
            Qt.Key.Key_Right: self._current + step,
            Qt.Key.Key_Home: 0,
            Qt.Key.Key_End: self.count - 1,
        }.get(Qt.Key(event.key()))
        if place is None or not self.count or event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            super().keyPressEvent(event)
            return
        self._go(min(max(place, 0), self.count - 1))

    def _go(self, frame: int) -> None:
        if frame != self._current:
            self.set_current(frame)
            self.wanted.emit(frame)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent) and self.count:
            QToolTip.showText(event.globalPos(), self._describe(self.frame_at(event.pos().x())), self)
            return True
        return super().event(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    # Painting -----------------------------------------------------------------------------------------------------

    def paintEvent(self, _event: QPaintEvent) -> None:
        theme = colours()
        painter = QPainter(self)
        painter.fillRect(QRectF(_MARGIN, _TOP, self.width() - 2 * _MARGIN, _BAR), QColor(theme.canvas))
        if not self.count:
            return
        self._paint_runs(painter, theme)
        self._paint_span(painter, theme)
        self._paint_ruler(painter, theme)
        if self.hasFocus():
            painter.setPen(QPen(QColor(theme.accent), 1))
            painter.drawRect(QRectF(_MARGIN - 2.5, _TOP - 2.5, self.width() - 2 * _MARGIN + 4, _BAR + 4))
        self._paint_cursor(painter, theme)

    def _columns(self) -> NDArray[np.uint8]:
        """The strongest state in each pixel column: an annotated frame is seen among thousands."""
        width = max(int(self.width() - 2 * _MARGIN), 1)
        edges = np.linspace(0, self.count, width + 1)
        if self.count <= width:
            return self._states[np.minimum(((edges[:-1] + edges[1:]) / 2).astype(np.int64), self.count - 1)]
        return np.asarray(np.maximum.reduceat(self._states, edges[:-1].astype(np.int64)))

    def _paint_runs(self, painter: QPainter, theme: Colours) -> None:
        columns = self._columns()
        begins = np.flatnonzero(np.diff(columns, prepend=255))
        for begin, end in zip(begins, [*begins[1:], len(columns)], strict=True):
            state = FrameState(int(columns[begin]))
            if state is FrameState.NONE:
                continue
            height = _BAR * _HEIGHT.get(state, 0.25)
            # A lone annotated frame must be found by the eye, however long the sequence is.
            widen = max(3 - (end - begin), 0) / 2 if state is FrameState.ANNOTATED else 0.0
            box = QRectF(_MARGIN + begin - widen, _TOP + _BAR - height, end - begin + 2 * widen, height)
            painter.fillRect(box, QColor(state_colour(state, theme)))
        if self._pitch() >= 6:
            painter.setPen(QPen(QColor(theme.panel), 1))
            for frame in range(1, self.count):
                x = round(_MARGIN + frame * self._pitch()) + 0.5
                painter.drawLine(QPointF(x, _TOP), QPointF(x, _TOP + _BAR))

    def _paint_span(self, painter: QPainter, theme: Colours) -> None:
        """What is being computed: a line above the frames, bright where it is done."""
        if self._span is None or not len(self._span):
            return
        pitch = self._pitch()
        faint = QColor(theme.accent)
        faint.setAlphaF(0.3)
        left = _MARGIN + self._span.start * pitch
        painter.fillRect(QRectF(left, _TOP - 4, len(self._span) * pitch, 3), faint)
        done = np.flatnonzero(np.diff(self._running.astype(np.int8), prepend=0, append=0))
        for begin, end in done.reshape(-1, 2):
            painter.fillRect(QRectF(_MARGIN + begin * pitch, _TOP - 4, (end - begin) * pitch, 3), QColor(theme.accent))

    def _paint_ruler(self, painter: QPainter, theme: Colours) -> None:
        painter.setFont(small_font(self.font()))
        step = _round_step(self.count * _LABEL_PX / max(self.width() - 2 * _MARGIN, 1))
        top = _TOP + _BAR
        for frame in sorted({0, *range(step - 1, self.count, step)}):
            x = self.x_of(frame)
            painter.setPen(QColor(theme.border))
            painter.drawLine(QPointF(x, top + 1), QPointF(x, top + 4))
            painter.setPen(QColor(theme.muted))
            box = QRectF(x - _LABEL_PX / 2, top + 3, _LABEL_PX, _RULER - 3)
            if frame == 0:
                painter.drawText(box.adjusted(_LABEL_PX / 2 - 4, 0, 0, 0), Qt.AlignmentFlag.AlignLeft, "1")
            elif box.right() <= self.width() - 2:
                painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, f"{frame + 1}")

    def _paint_cursor(self, painter: QPainter, theme: Colours) -> None:
        x = self.x_of(self._current)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colour = QColor(theme.text)
        if self._pitch() >= 6:
            painter.setPen(QPen(colour, 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(QRectF(x - self._pitch() / 2, _TOP, self._pitch(), _BAR))
        painter.setPen(QPen(colour, 2))
        if self._pitch() < 6:
            painter.drawLine(QPointF(x, _TOP), QPointF(x, _TOP + _BAR))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawPolygon(QPolygonF([QPointF(x - 5, 0), QPointF(x + 5, 0), QPointF(x, _TOP)]))


def _round_step(least: float) -> int:
    """1, 2 or 5 times a power of ten, not below a number."""
    power = 1
    while True:
        for times in (1, 2, 5):
            if times * power >= least:
                return times * power
        power *= 10
