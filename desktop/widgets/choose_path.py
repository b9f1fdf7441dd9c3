"""Asking for a file or a folder without blocking, so that jobs go on behind the dialog."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QWidget


def path_dialog(parent: QWidget, title: str, start: str = "") -> QFileDialog:
    """A dialog that is gone once it closes. Connect to its answer, then `open` it.

    Args:
        parent: What it belongs to.
        title: What is asked for.
        start: Folder that it begins in; Qt's own choice where empty.
    """
    dialog = QFileDialog(parent, title, start)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    return dialog


def folder_dialog(parent: QWidget, title: str, start: str = "") -> QFileDialog:
    """A `path_dialog` for one folder; files are not listed."""
    dialog = path_dialog(parent, title, start)
    dialog.setFileMode(QFileDialog.FileMode.Directory)
    dialog.setOption(QFileDialog.Option.ShowDirsOnly)
    return dialog
