"""Telling a person that something went wrong, in words, with the details for those who want them."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from types import TracebackType

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from counterpart.core import __version__
from counterpart.core.errors import CounterpartError
from counterpart.desktop.widgets.icons import pixmap
from counterpart.desktop.widgets.labels import heading
from counterpart.desktop.widgets.theme import GRID, colours

log = logging.getLogger(__name__)


class TroubleDialog(QDialog):
    """Says what happened and what to do; details can be shown and copied."""

    def __init__(
        self, title: str, text: str, details: str = "", parent: QWidget | None = None, *, show_details: bool = False
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle("Counterpart")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        picture = QLabel()
        picture.setPixmap(pixmap("warning", 32, colours().warning, self.devicePixelRatioF()))
        words = QLabel(text)
        words.setWordWrap(True)
        words.setMinimumWidth(400)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        column = QVBoxLayout()
        column.setSpacing(GRID)
        column.addWidget(heading(title))
        column.addWidget(words)
        top = QHBoxLayout()
        top.setSpacing(2 * GRID)
        top.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(column, 1)
        box = QVBoxLayout(self)
        box.setContentsMargins(3 * GRID, 3 * GRID, 3 * GRID, 2 * GRID)
        box.setSpacing(2 * GRID)
        box.addLayout(top)
        self.details = QPlainTextEdit(f"Counterpart {__version__}, Python {sys.version.split()[0]}\n\n{details}")
        self.details.setReadOnly(True)
        self.details.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.details.setMinimumHeight(220)
        self.details.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        if details:
            box.addWidget(self.details, 1)
            self._more = buttons.addButton("Show details", QDialogButtonBox.ButtonRole.ActionRole)
            self._more.clicked.connect(self._toggle)
            copy = buttons.addButton("Copy details", QDialogButtonBox.ButtonRole.ActionRole)
            copy.clicked.connect(self._copy)
        box.addWidget(buttons)
        if details and show_details:
            self._toggle()

    @Slot()
    def _toggle(self) -> None:
        shown = self.details.isHidden()
        self.details.setVisible(shown)
        self._more.setText("Hide details" if shown else "Show details")
        self.adjustSize()

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details.toPlainText())


class ExceptionHook(QObject):
    """Shows errors that nobody caught, from any thread, and lets the program go on. One dialog at a time."""

    _raised = Signal(str, str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._open: TroubleDialog | None = None
        self._raised.connect(self._show, Qt.ConnectionType.QueuedConnection)

    def install(self) -> None:
        """Take over from Python's own hooks."""
        sys.excepthook = self.handle
        threading.excepthook = lambda args: self.handle(args.exc_type, args.exc_value, args.exc_traceback)

    def remove(self) -> None:
        """Give the hooks back."""
        sys.excepthook = sys.__excepthook__
        threading.excepthook = threading.__excepthook__

    def handle(self, kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
        """Report an error."""
        if error is None or issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error or kind(), trace)
            return
        details = "".join(traceback.format_exception(kind, error, trace))
        log.error("not caught: %s", details)
        if isinstance(error, CounterpartError):
            self._raised.emit("That did not work", str(error), "")
        else:
            text = (
                f"Something unexpected happened ({kind.__name__}: {error}). What you did is saved as far as the status "
                "bar says; you can go on working. Please report this with its details."
            )
            self._raised.emit("The program made a mistake", text, details)

    @Slot(str, str, str)
    def _show(self, title: str, text: str, details: str) -> None:
        if self._open is not None:
            return
        parent = QGuiApplication.focusWindow()
        self._open = TroubleDialog(title, text, details)
        if parent is not None:
            self._open.setWindowModality(Qt.WindowModality.NonModal)
        self._open.destroyed.connect(self._forget)
        self._open.show()

    @Slot()
    def _forget(self) -> None:
        self._open = None
