"""Settings: how the window looks and behaves, where models compute, and what is kept where."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, QUrl, Signal, Slot
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from counterpart.core.features.cache import cache_dir
from counterpart.core.jobs import JobContext
from counterpart.desktop.jobs.job import Job, JobOutcome
from counterpart.desktop.jobs.job_runner import JobRunner
from counterpart.desktop.project.session import projects_dir
from counterpart.desktop.shell.settings import Preferences, Settings
from counterpart.desktop.shell.status_bar import format_bytes
from counterpart.desktop.widgets.choose_path import folder_dialog
from counterpart.desktop.widgets.form import Form, Knob, field_row, form_grid
from counterpart.desktop.widgets.labels import field_label, muted
from counterpart.desktop.widgets.theme import GRID

_WINDOW = ("theme", "wheel_zooms", "thumbnail_overlays", "minimap", "crosshair", "linked_views", "ask_empty_review")
_OVERLAY = ("overlay_opacity", "overlay_fill", "line_colour", "refine_method")
_ENGINE = ("device", "precision", "memory_mb")
_CACHE = ("disk_gb",)
_SLOT = "cache"
_KNOBS = {
    "theme": Knob("Theme", words={"dark": "Dark", "light": "Light", "system": "As the desktop"}),
    "wheel_zooms": Knob("The wheel zooms (otherwise Ctrl and wheel)"),
    "thumbnail_overlays": Knob("Show parts on thumbnails"),
    "minimap": Knob("Show a map of the image while zoomed"),
    "crosshair": Knob("Show a crosshair at the pointer"),
    "linked_views": Knob("Zoom and move two images together"),
    "ask_empty_review": Knob("Ask before an image without labels is marked as reviewed"),
    "overlay_opacity": Knob("Opacity", help="How strongly parts cover the photograph"),
    "overlay_fill": Knob("Fill parts (otherwise outlines only)"),
    "refine_method": Knob(
        "Refine boundaries by",
        help="Colours on either side of each place are quickest and keep to what they can tell; GrabCut compares the "
        "colours of the whole part; a CRF takes longest",
        words={"local": "Colours nearby", "grabcut": "GrabCut", "guided": "Guided filter", "crf": "CRF"},
    ),
    "line_colour": Knob("Lines coloured by", words={"position": "Position", "confidence": "Confidence"}),
    "device": Knob(
        "Device",
        help="Where models compute",
        words={"auto": "Automatic", "cpu": "Processor", "cuda": "NVIDIA GPU", "mps": "Apple GPU"},
    ),
    "precision": Knob(
        "Precision",
        help="Automatic takes bfloat16 where the processor has it: faster at equal results",
        words={"auto": "Automatic", "float32": "32 bit", "bfloat16": "bfloat16", "float16": "float16"},
    ),
    "memory_mb": Knob(
        "Features in memory",
        low=128,
        high=16384,
        step=128,
        suffix=" MB",
        help="Beyond it, the disk is read again",
    ),
    "disk_gb": Knob(
        "Features on disk",
        low=1,
        high=500,
        step=1,
        suffix=" GB",
        help="Beyond it, those used longest ago are removed",
    ),
}


class PreferencesDialog(QDialog):
    """Changes apply at once, but for those that say otherwise.

    Args:
        settings: The person's settings.
        runner: Owns the cache.

    Signals:
        shortcuts_wanted: The keyboard sheet.
        cache_cleared: The cache is empty now.
    """

    shortcuts_wanted = Signal()
    cache_cleared = Signal()

    def __init__(self, settings: Settings, runner: JobRunner, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._settings, self._runner = settings, runner
        preferences = settings.preferences
        self.look = Form(preferences, _WINDOW, _KNOBS)
        self.overlay = Form(preferences, _OVERLAY, _KNOBS)
        self.engine = Form(preferences, _ENGINE, _KNOBS)
        self.cache = Form(preferences, _CACHE, _KNOBS)
        self._forms = (self.look, self.overlay, self.engine, self.cache)
        self.folder = QLineEdit(preferences.cache_folder)
        self.folder.setPlaceholderText(str(cache_dir()))
        self.folder.setToolTip("Another folder is used from the next start on")
        self.later = muted("", wrap=True, small=True)
        self._began_with = preferences.cache_folder
        self.folder.setAccessibleName("Cache folder")
        self.browse = QPushButton("Browse…")
        self.used = muted("Counting …")
        self.clear = QPushButton("Clear")
        self.clear.setToolTip("Remove all features that are kept. Projects stay; features are computed anew")
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self._page(self.look), "Window")
        self.tabs.addTab(self._page(self.overlay), "Parts")
        self.tabs.addTab(self._page(self.engine), "Models")
        self.tabs.addTab(self._cache_page(), "Cache")
        self.tabs.addTab(self._saving_page(), "Saving")
        close = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        reset = close.addButton("Reset to defaults", QDialogButtonBox.ButtonRole.ResetRole)
        keys = close.addButton("Keyboard…", QDialogButtonBox.ButtonRole.ActionRole)
        box = QVBoxLayout(self)
        box.setContentsMargins(2 * GRID, GRID, 2 * GRID, 2 * GRID)
        box.setSpacing(2 * GRID)
        box.addWidget(self.tabs, 1)
        box.addWidget(close)
        self.resize(520, 380)
        reset.clicked.connect(self._reset)
        keys.clicked.connect(self._keys)
        close.rejected.connect(self.reject)
        self.browse.clicked.connect(self._browse)
        self.clear.clicked.connect(self._clear)
        self.folder.editingFinished.connect(self._changed)
        for form in self._forms:
            form.changed.connect(self._changed)
        runner.ask(_SLOT, Job("Counting the cache", _count), self._counted)

    def _page(self, *content: QWidget) -> QWidget:
        page = QWidget()
        box = QVBoxLayout(page)
        box.setContentsMargins(GRID, 2 * GRID, GRID, GRID)
        box.setSpacing(GRID)
        for widget in content:
            box.addWidget(widget)
        box.addStretch(1)
        return page

    def _cache_page(self) -> QWidget:
        words = muted(
            "Features of images are kept so that nothing is computed twice. They are not part of the project "
            "and can be removed at any time.",
            wrap=True,
        )
        where, rest = QWidget(), form_grid()
        where.setLayout(rest)
        labels = [field_label("Folder"), field_label("In use")]
        rest.addRow(labels[0], field_row(self.folder, self.browse))
        rest.addRow(labels[1], field_row(self.used, self.clear))
        rest.addRow(self.later)
        above = self.cache.label("disk_gb")
        for label in labels:
            label.setMinimumWidth(above.sizeHint().width() if above is not None else 0)
        return self._page(words, self.cache, where)

    def _saving_page(self) -> QWidget:
        words = muted(
            "Every step is written to the project's file at once; the status bar says when. There is nothing to "
            "save in a hurry, and nothing is lost if the program ends suddenly.",
            wrap=True,
        )
        where = muted(f"Projects without a file of their own are kept in\n{projects_dir()}", wrap=True)
        where.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        show = QPushButton("Show folder")
        show.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(projects_dir()))))
        row = QWidget()
        row.setLayout(field_row(QWidget(), show))
        return self._page(words, where, row)

    # Changes ------------------------------------------------------------------------------------------------------

    @Slot()
    def _changed(self) -> None:
        values: dict[str, Any] = {}
        for form in self._forms:
            values |= form.values()
        folder = self.folder.text().strip()
        self._settings.change(**values, cache_folder=folder)
        self.later.setText(
            "The new folder is used from the next start on. What is in the old one stays there."
            if folder != self._began_with
            else ""
        )

    @Slot()
    def _reset(self) -> None:
        for form in self._forms:
            form.set_params(Preferences())
        self.folder.clear()
        self._changed()

    @Slot()
    def _keys(self) -> None:
        self.accept()
        self.shortcuts_wanted.emit()

    # The cache ----------------------------------------------------------------------------------------------------

    @Slot()
    def _browse(self) -> None:
        dialog = folder_dialog(self, "Cache folder", self.folder.text() or str(cache_dir()))
        dialog.fileSelected.connect(self._folder_chosen)
        dialog.open()

    @Slot(str)
    def _folder_chosen(self, path: str) -> None:
        self.folder.setText(str(Path(path)))
        self._changed()

    @Slot()
    def _clear(self) -> None:
        self.clear.setEnabled(False)
        self.used.setText("Clearing …")
        self._runner.ask(_SLOT, Job("Clearing the cache", _clear), self._cleared)

    def _cleared(self, outcome: JobOutcome) -> None:
        self._counted(outcome)
        if outcome.failure is None:
            self.cache_cleared.emit()

    def _counted(self, outcome: JobOutcome) -> None:
        self.clear.setEnabled(True)
        if outcome.failure is not None:
            self.used.setText(outcome.failure.text)
            return
        self.used.setText(format_bytes(outcome.result) if outcome.result else "Empty")
        self.clear.setEnabled(bool(outcome.result))


def _count(backend: Any, _ctx: JobContext) -> int:
    return int(backend.cache_bytes())


def _clear(backend: Any, _ctx: JobContext) -> int:
    backend.clear_cache()
    return int(backend.cache_bytes())
