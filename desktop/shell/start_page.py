"""What is seen before anything is open: the ways to begin, and what was opened last."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from counterpart.desktop.widgets.icons import icon, pixmap
from counterpart.desktop.widgets.labels import line, muted
from counterpart.desktop.widgets.theme import GRID, colours

_SHOWN = 5


class StartPage(QWidget):
    """Open a folder, the samples, or something recent.

    Signals:
        open_folder, open_samples, open_video, open_project: A button was pressed.
        open_recent: A recent project or folder was chosen.
    """

    open_folder = Signal()
    open_samples = Signal()
    open_video = Signal()
    open_project = Signal()
    open_recent = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("start")
        self._mark = QLabel()
        title = QLabel("Counterpart")
        font = QFont(title.font())
        font.setPointSizeF(font.pointSizeF() * 1.9)
        font.setWeight(QFont.Weight.DemiBold)
        title.setFont(font)
        subtitle = muted(
            "Finds the object, its parts and corresponding points over a set of images. You correct and export.",
            wrap=True,
        )
        self.folder = QPushButton("Open folder…")
        self.folder.setObjectName("primary")
        self.samples = QPushButton("Use sample photographs")
        self.video = QPushButton("Open video…")
        self.project = QPushButton("Open project…")
        self.folder.clicked.connect(self.open_folder)
        self.samples.clicked.connect(self.open_samples)
        self.video.clicked.connect(self.open_video)
        self.project.clicked.connect(self.open_project)
        buttons = QHBoxLayout()
        buttons.setSpacing(GRID)
        for button in (self.folder, self.video, self.project, self.samples):
            button.setMinimumHeight(34)
            buttons.addWidget(button)
        buttons.addStretch(1)
        self._recent = QVBoxLayout()
        self._recent.setSpacing(2)
        self._recent_box = QWidget()
        box = QVBoxLayout(self._recent_box)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(GRID)
        box.addWidget(line())
        box.addWidget(muted("Opened last"))
        box.addLayout(self._recent)
        column = QVBoxLayout()
        column.setSpacing(GRID)
        head = QHBoxLayout()
        head.setSpacing(2 * GRID)
        head.addWidget(self._mark, 0, Qt.AlignmentFlag.AlignTop)
        words = QVBoxLayout()
        words.setSpacing(4)
        words.addWidget(title)
        words.addWidget(subtitle)
        head.addLayout(words, 1)
        column.addLayout(head)
        column.addSpacing(2 * GRID)
        column.addLayout(buttons)
        column.addWidget(muted("or drop a folder, images, a video or a project anywhere in this window", small=True))
        column.addSpacing(2 * GRID)
        column.addWidget(self._recent_box)
        middle = QWidget()
        middle.setMinimumWidth(540)
        middle.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        middle.setLayout(column)
        across = QHBoxLayout()
        across.addStretch(1)
        across.addWidget(middle)
        across.addStretch(1)
        whole = QVBoxLayout(self)
        whole.addStretch(2)
        whole.addLayout(across)
        whole.addStretch(3)
        self.retint()
        self.set_recent([])

    def retint(self) -> None:
        """Follow a change of theme."""
        self._mark.setPixmap(pixmap("counterpart", 64, scale=self.devicePixelRatioF()))
        self.folder.setIcon(icon("open-folder", colours().on_accent))
        self.samples.setIcon(icon("samples"))
        self.video.setIcon(icon("video"))
        self.project.setIcon(icon("open-project"))

    def set_recent(self, paths: Sequence[Path]) -> None:
        """List what was opened last."""
        while self._recent.count():
            item = self._recent.takeAt(0)
            old = item.widget() if item is not None else None
            if old is not None:
                old.deleteLater()
        for path in list(paths)[:_SHOWN]:
            self._recent.addWidget(self._entry(path))
        self._recent_box.setVisible(bool(paths))

    def _entry(self, path: Path) -> QPushButton:
        button = QPushButton()
        button.setObjectName("recent")
        button.setFlat(True)
        button.setIcon(icon("open-project" if path.suffix else "open-folder", colours().muted))
        button.setIconSize(QSize(16, 16))
        button.setCursor(Qt.CursorShape.PointingHandCursor)
        metrics = button.fontMetrics()
        where = metrics.elidedText(str(path.parent), Qt.TextElideMode.ElideMiddle, 340)
        button.setText(f"{path.name}    {where}")
        button.setToolTip(str(path))
        button.clicked.connect(lambda _checked=False, path=path: self.open_recent.emit(path))
        return button
