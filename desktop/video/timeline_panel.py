"""The timeline below the canvas: the frames of a sequence, playing them, and tracking through them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QAction, QActionGroup, QColor, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QMenu, QSizePolicy, QToolButton, QVBoxLayout, QWidget

from counterpart.core.project.sequence import FrameState
from counterpart.desktop.shell.actions import Actions
from counterpart.desktop.video.frame_track import FrameTrack, state_colour
from counterpart.desktop.widgets.buttons import action_button
from counterpart.desktop.widgets.labels import line, muted
from counterpart.desktop.widgets.theme import GRID, colours, small_font

_WORDS = {
    FrameState.ANNOTATED: "annotated",
    FrameState.TRACKED: "tracked",
    FrameState.DOUBTFUL: "doubtful",
    FrameState.NONE: "empty",
    FrameState.SKIPPED: "skipped",
}
_ENTRY_PX = 23
_DETAIL: dict[int | None, str] = {
    336: "&Coarse, less than half the time",
    None: "&Usual",
    672: "&Fine, three times as long",
}
"""Longest sides of what the model sees, in words."""
_ALWAYS = (FrameState.ANNOTATED, FrameState.TRACKED, FrameState.DOUBTFUL)


_LEAST_PX, _FPS_PX, _LEGEND_PX = 320, 520, 610


class _Legend(QWidget):
    """How many frames are in each state, each with its colour."""

    def __init__(self) -> None:
        super().__init__()
        self._counts: dict[FrameState, int] = {}
        self.setFont(small_font(self.font()))
        self.setMinimumHeight(20)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMinimumWidth(40)

    def set_counts(self, counts: dict[FrameState, int]) -> None:
        """Show numbers of frames."""
        if counts != self._counts:
            self._counts = counts
            self.setToolTip("\n".join(f"{count:,} {_WORDS[state]}" for state, count in counts.items()))
            self.setAccessibleName(", ".join(f"{count} {_WORDS[state]}" for state, count in counts.items()))
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        theme, metrics = colours(), self.fontMetrics()
        entries = [(state, f"{count:,} {_WORDS[state]}") for state, count in self._counts.items()]
        total = self._width(entries)
        if total > self.width():  # the words are in the tooltip
            entries = [(state, f"{count:,}") for state, count in self._counts.items()]
            total = self._width(entries)
        x = self.width() - total
        for state, text in entries:
            painter.setPen(QColor(theme.faint) if state is FrameState.NONE else Qt.PenStyle.NoPen)
            painter.setBrush(QColor(state_colour(state, theme)))
            painter.drawRoundedRect(x, self.height() // 2 - 4, 8, 8, 2, 2)
            painter.setPen(QColor(theme.muted))
            box = self.rect().adjusted(x + 13, 0, 0, 0)
            painter.drawText(box, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)
            x += metrics.horizontalAdvance(text) + _ENTRY_PX

    def _width(self, entries: list[tuple[FrameState, str]]) -> int:
        return sum(self.fontMetrics().horizontalAdvance(text) + _ENTRY_PX for _, text in entries)


class TimelinePanel(QWidget):
    """Shown while the project's images are frames of one video.

    Args:
        actions: Of the window.
        describe: What there is to say about a frame.

    Signals:
        fps_changed: Frames per second that the person chose.
        size_changed: Longest side at which the model sees frames, None for the usual one.
    """

    fps_changed = Signal(float)
    size_changed = Signal(object)

    def __init__(self, actions: Actions, describe: Callable[[int], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.track = FrameTrack(describe)
        actions.gates.append(self.track.scrub.ask)
        self.place = muted()
        self.place.setToolTip("Frame, number of frames, and time")
        self.place.setMinimumWidth(self.place.fontMetrics().horizontalAdvance("000 / 0,000 · 0:00.00"))
        self.legend = _Legend()
        self.fps = QDoubleSpinBox()
        self.fps.setRange(0.1, 240)
        self.fps.setDecimals(1)
        self.fps.setFixedWidth(self.fps.fontMetrics().horizontalAdvance("240.0 fps") + 40)
        self.fps.setSuffix(" fps")
        self.fps.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.fps.setToolTip("Frames per second when playing, and for the time shown")
        self.fps.setAccessibleName("Frames per second")
        self.fps.setKeyboardTracking(False)
        self.fps.valueChanged.connect(self.fps_changed)
        self._details: dict[int | None, QAction] = {}
        self.tracking = self._track_button(actions)
        row = QHBoxLayout()
        row.setContentsMargins(GRID, 4, GRID, 0)
        row.setSpacing(2)
        for name in ("previous_doubtful", "previous_frame", "play", "next_frame", "next_doubtful"):
            row.addWidget(action_button(actions[name]))
        row.addSpacing(GRID)
        row.addWidget(self.place)
        row.addWidget(self.legend, 1)
        row.addSpacing(GRID)
        row.addWidget(self.fps)
        row.addSpacing(GRID)
        row.addWidget(self.tracking)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 2)
        whole.setSpacing(2)
        whole.addWidget(line())
        whole.addLayout(row)
        whole.addWidget(self.track)

    def minimumSizeHint(self) -> QSize:
        return QSize(_LEAST_PX, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window go first what is known from elsewhere."""
        self.legend.setVisible(self.width() >= _LEGEND_PX)
        self.fps.setVisible(self.width() >= _FPS_PX)
        super().resizeEvent(event)

    def _track_button(self, actions: Actions) -> QToolButton:
        button = QToolButton()
        button.setDefaultAction(actions["track_all"])
        button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        button.setObjectName("split")
        button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        menu = QMenu(button)
        for name in ("track_here", "track_forward", "track_backward", "-", "track_all"):
            if name == "-":
                menu.addSeparator()
            else:
                menu.addAction(actions[name])
        menu.addSeparator()
        menu.addMenu(self._detail_menu(menu))
        button.setMenu(menu)
        return button

    def _detail_menu(self, parent: QMenu) -> QMenu:
        menu = QMenu("&Detail", parent)
        group = QActionGroup(menu)
        for size, text in _DETAIL.items():
            action = menu.addAction(text)
            action.setCheckable(True)
            action.setActionGroup(group)
            action.triggered.connect(lambda _checked=False, size=size: self.size_changed.emit(size))
            self._details[size] = action
        return menu

    def set_states(self, states: NDArray[np.uint8]) -> None:
        """Show (N,) states of frames."""
        self.track.set_states(states)
        found = np.bincount(states, minlength=len(FrameState))
        order = (*_ALWAYS, FrameState.NONE, FrameState.SKIPPED)
        self.legend.set_counts({state: int(found[state]) for state in order if found[state] or state in _ALWAYS})

    def set_place(self, frame: int, time_s: float) -> None:
        """Put the cursor on a frame and say where that is."""
        self.track.set_current(frame)
        minutes, seconds = divmod(max(time_s, 0.0), 60)
        self.place.setText(f"{frame + 1:,} / {self.track.count:,} · {int(minutes)}:{seconds:05.2f}")

    def set_fps(self, fps: float) -> None:
        """Show the rate; tells nobody."""
        was = self.fps.blockSignals(True)
        self.fps.setValue(fps)
        self.fps.blockSignals(was)

    def set_size(self, size: int | None) -> None:
        """Show at which size the model sees frames; tells nobody."""
        self._details[size if size in self._details else None].setChecked(True)
