"""What the actions do: keys, menus and buttons of the main window."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Slot
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractItemView, QAbstractSpinBox, QApplication, QLineEdit, QMessageBox, QPlainTextEdit

from counterpart.core import __version__
from counterpart.core.project.points import MatchState
from counterpart.core.tools.morphology import FillHoles, Grow, KeepLargest, RemoveSpecks, Shrink, Smooth
from counterpart.desktop.shell.actions import ACTIONS
from counterpart.desktop.shell.shortcuts_dialog import ShortcutsDialog
from counterpart.desktop.widgets.controls import retint
from counterpart.desktop.widgets.theme import apply_theme, colours
from counterpart.desktop.window.preferences_dialog import PreferencesDialog

if TYPE_CHECKING:
    from counterpart.desktop.window.main_window import MainWindow

__all__ = ["MenuCommands"]

_USUAL_FORMAT = "coco"
_PEEK_S = 0.3
_EDITOR_KEYS = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)
_NEED_PROJECT = (
    "add_images",
    "save",
    "save_as",
    "statistics",
    "import",
    "export",
    "close_project",
    "fit",
    "actual_size",
    "zoom_in",
    "zoom_out",
    "next_image",
    "previous_image",
    "next_todo",
    "previous_todo",
    "accept",
    "view_single",
    "view_pair",
)
_NEED_PART = (
    *(spec.id for spec in ACTIONS if spec.section == "Part"),
    *(spec.id for spec in ACTIONS if spec.id.startswith("tool_")),
    "larger",
    "smaller",
    "take_back",
)
_NEED_IMAGE = (
    "display",
    "brighter",
    "darker",
    "more_contrast",
    "less_contrast",
    "gamma_up",
    "gamma_down",
    "display_auto",
    "display_reset",
    "preserve",
)
_NEED_POINTS = tuple(spec.id for spec in ACTIONS if spec.section == "Keypoints")
_LOOKS = ("copy_part", "save_codebook")
_CHANGE = (
    "add_images",
    "import",
    "accept",
    *(spec.id for spec in ACTIONS if spec.section == "Part" and spec.id not in _LOOKS),
    *_NEED_POINTS,
    *(
        spec.id
        for spec in ACTIONS
        if spec.id.startswith("tool_") and spec.id not in ("tool_select", "tool_similarity", "tool_pick")
    ),
)
_NEED_PAIR = ("link_views", "next_right", "previous_right", "swap", "lock_match")


class MenuCommands(QObject):
    """Connects the actions of a window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._w = window
        self._overlay_pressed = 0.0
        actions = window.actions_
        for name, do in {
            "open_folder": window.files.open_folder,
            "open_project": window.files.open_project,
            "open_samples": window.session.open_samples,
            "add_images": window.files.add_images,
            "save": window.files.save,
            "save_as": window.files.save_as,
            "statistics": self._statistics,
            "import": self._import,
            "relink": self._locate,
            "export": self._export,
            "close_project": self._close_project,
            "quit": window.close,
            "undo": self._undo,
            "redo": self._redo,
            "settings": self._settings,
            "fit": window.canvas.fit,
            "actual_size": window.canvas.actual_size,
            "zoom_in": lambda: window.canvas.zoom_in(1.25),
            "zoom_out": lambda: window.canvas.zoom_in(0.8),
            "part_visible": window.annotator.toggle_active,
            "theme": self._toggle_theme,
            "next_image": lambda: self._step(1),
            "previous_image": lambda: self._step(-1),
            "next_todo": lambda: self._step_todo(1),
            "previous_todo": lambda: self._step_todo(-1),
            "accept": self._accept,
            "reject": self._reject,
            "run": window.desk.run,
            "cancel_job": window.desk.cancel,
            "next_right": lambda: self._step_right(1),
            "previous_right": lambda: self._step_right(-1),
            "swap": self._swap,
            "lock_match": window.pairs.toggle_lock,
            "take_back": self._take_back,
            "fill_holes": lambda: window.editor.change("Fill holes of", FillHoles()),
            "keep_largest": lambda: window.editor.change("Keep largest piece of", KeepLargest()),
            "remove_specks": lambda: window.editor.change("Remove specks of", RemoveSpecks()),
            "grow": lambda: window.editor.change("Grow", Grow(2)),
            "shrink": lambda: window.editor.change("Shrink", Shrink(2)),
            "smooth": lambda: window.editor.change("Smooth", Smooth()),
            "refine": window.maskwork.refine.refine_active,
            "refine_all": window.maskwork.refine.refine_all,
            "accept_predictions": window.annotator.accept_shown,
            "accept_listed": window.annotator.accept_listed,
            "copy_part": self._copy_part,
            "paste_part": window.editor.paste,
            "new_instance": window.pointwork.points.begin_instance,
            "skip_point": window.pointwork.points.skip,
            "delete_point": self._delete_point,
            "swap_sides": window.pointwork.points.swap_sides,
            "landmarks": window.pointwork.predict_landmarks,
            "skeletons": window.pointwork.edit_skeletons,
            "shortcuts": self._shortcuts,
            "about": self._about,
        }.items():
            actions[name].triggered.connect(lambda _checked=False, do=do: do())
        actions["overlay"].triggered.connect(self._overlay)
        actions["outlines"].setChecked(not window.settings.preferences.overlay_fill)
        actions["outlines"].toggled.connect(self._outlines)
        actions["view_single"].triggered.connect(lambda: self.set_paired(False))
        actions["view_pair"].triggered.connect(lambda: self.set_paired(True))
        window.settings.recent_changed.connect(self._recent)
        window.settings.changed.connect(self._preferences)
        self._recent()
        application = QApplication.instance()
        assert application is not None
        application.installEventFilter(self)
        window.canvas.wheel_zooms = window.settings.preferences.wheel_zooms

    def stop(self) -> None:
        """The window is going."""
        application = QApplication.instance()
        if application is not None:
            application.removeEventFilter(self)

    # What can be done now -----------------------------------------------------------------------------------------

    @Slot()
    def refresh(self) -> None:
        """Enable what can be done now."""
        window, actions = self._w, self._w.actions_
        bridge = window.session.bridge
        some = bridge is not None
        actions.enable(_NEED_PART, some, "Open a folder of images first")
        actions.enable(_NEED_IMAGE, some, "Open a folder of images first")
        actions.enable(_NEED_POINTS, some, "Open a folder of images first")
        actions.enable(_NEED_PROJECT, some, "Open a folder of images first")
        paired = some and window.canvas.count == 2
        actions.enable(_NEED_PAIR, paired, "Needs two images side by side (Ctrl+2)")
        images = len(window.images.model.images)
        actions.enable(("view_pair",), images >= 2, "Needs at least two images")
        actions.enable(("overlay", "outlines", "part_visible"), some, "Open a folder of images first")
        if bridge is not None and bridge.document.read_only:
            actions.enable(_CHANGE, False, "The project is open for looking only")
        actions.enable(("relink",), bool(some and window.relinks.missing), "No image is missing")
        writable = some and not bridge.document.read_only if bridge is not None else False
        for name, can, text in (
            ("undo", bridge is not None and writable and bridge.can_undo, bridge.undo_text if bridge else ""),
            ("redo", bridge is not None and writable and bridge.can_redo, bridge.redo_text if bridge else ""),
        ):
            word = name.capitalize()
            actions[name].setText(f"&{word} {text[:1].lower()}{text[1:]}" if can else f"&{word}")
            actions.enable((name,), can, f"Nothing to {name}")

    # Undo ---------------------------------------------------------------------------------------------------------

    def _undo(self) -> None:
        if self._w.canvas.tool is not None:
            self._w.canvas.tool.cancel()
        if self._w.session.bridge is not None:
            self._w.session.bridge.undo()

    def _redo(self) -> None:
        if self._w.session.bridge is not None:
            self._w.session.bridge.redo()

    # Images -------------------------------------------------------------------------------------------------------

    def _step(self, step: int) -> None:
        panel = self._w.images
        following = panel.model.neighbour(panel.current, step)
        if following is not None:
            panel.select(following)

    def _step_todo(self, step: int) -> None:
        panel = self._w.images
        following = panel.model.neighbour(
            panel.current, step, lambda record: record.state not in ("reviewed", "skipped")
        )
        if following is not None:
            panel.select(following)
        else:
            self._w.status.show_place("No more images that are not reviewed in this direction")

    def _step_right(self, step: int) -> None:
        window = self._w
        current = window.viewer.image(1) or window.viewer.image(0)
        following = window.images.model.neighbour(current, step)
        if following == window.viewer.image(0) and following is not None:
            following = window.images.model.neighbour(following, step)
        if following is not None:
            window.show_right(following)

    def _swap(self) -> None:
        window = self._w
        left, right = window.viewer.image(0), window.viewer.image(1)
        if right:
            window.images.select(right)
            window.show_right(left)

    def _copy_part(self) -> None:
        if self._w.editor.copy():
            self._w.status.show_place("Copied. Go to another image and paste it (Ctrl+V).")

    def _accept(self) -> None:
        window = self._w
        if window.toolbox.key_wanted(Qt.Key.Key_Return) or window.pointwork.checks.accept():
            return
        if window.pairs.judge(MatchState.ACCEPTED):
            return
        image = window.images.current
        if image and window.pointwork.points.review(image):
            self._step_todo(1)

    def _take_back(self) -> None:
        window = self._w
        if window.toolbox.active == "keypoint":
            window.pointwork.points.take_back()
        else:
            window.toolbox.key_wanted(Qt.Key.Key_Backspace)

    def _delete_point(self) -> None:
        if not self._w.pointwork.points.delete():
            self._w.pairs.delete_chosen()

    def _reject(self) -> None:
        window = self._w
        if window.canvas.tool is not None:
            window.canvas.tool.cancel()
        if window.maskwork.refine.cancel():
            return
        if window.probe.pinned:
            window.probe.unpin()
        elif not window.pairs.judge(MatchState.REJECTED):
            window.toolbox.choose("select")

    # View ---------------------------------------------------------------------------------------------------------

    def set_paired(self, paired: bool) -> None:
        """Show one image or two."""
        window = self._w
        window.canvas.set_count(2 if paired else 1)
        window.images.set_paired(paired)
        window.actions_["view_pair" if paired else "view_single"].setChecked(True)
        if paired and not window.viewer.image(1):
            model, current = window.images.model, window.images.current
            other = model.neighbour(current, 1) or model.neighbour(current, -1)
            if other is not None:
                window.show_right(other)
        if window.toolbox.active != "keypoint":  # else the person is at points, not at matches or parts
            window.layout_.show_tab(window.matches if paired else window.parts)
        window.pairs.set_active(paired)
        window.pointwork.refresh_strip()
        window.probe.image_shown()
        window.mark_sides()
        self.refresh()

    @Slot()
    def _overlay(self) -> None:
        self._overlay_pressed = time.monotonic()
        self._w.canvas.show_overlay(self._w.actions_["overlay"].isChecked())

    @Slot(bool)
    def _outlines(self, only: bool) -> None:
        self._w.settings.change(overlay_fill=not only)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind == QEvent.Type.KeyRelease and isinstance(event, QKeyEvent) and not event.isAutoRepeat():
            if event.key() == Qt.Key.Key_H and self._overlay_pressed:
                held = time.monotonic() - self._overlay_pressed
                self._overlay_pressed = 0.0
                if held > _PEEK_S:  # it was a look, not a switch
                    self._w.actions_["overlay"].toggle()
                    self._w.canvas.show_overlay(self._w.actions_["overlay"].isChecked())
        elif kind == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            # Return in a search box or a rename must not mark the image as reviewed.
            plain = not event.modifiers() & (Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.AltModifier)
            if plain and event.key() in _EDITOR_KEYS and _typing():
                event.accept()
                return True
        elif kind == QEvent.Type.KeyPress and isinstance(event, QKeyEvent) and watched is QApplication.focusWidget():
            number = event.key() - Qt.Key.Key_1
            if 0 <= number < 9 and not event.modifiers() and self._listening() and not _typing():
                self._w.parts.choose_row(number)
                return True
        return super().eventFilter(watched, event)

    def _listening(self) -> bool:
        """Whether keys are meant for the window, not for a dialog before it."""
        return self._w.isActiveWindow() and QApplication.activeModalWidget() is None

    # Preferences --------------------------------------------------------------------------------------------------

    @Slot()
    def _recent(self) -> None:
        self._w.files.fill_recent(self._w.layout_.recent)
        self._w.start.set_recent(self._w.settings.recent())

    @Slot()
    def _preferences(self) -> None:
        preferences = self._w.settings.preferences
        self._w.canvas.wheel_zooms = preferences.wheel_zooms
        self._w.parts.set_opacity(preferences.overlay_opacity)
        self._w.actions_["outlines"].setChecked(not preferences.overlay_fill)
        if colours().dark != (preferences.theme != "light"):
            self.retint()

    def _toggle_theme(self) -> None:
        self._w.settings.change(theme="light" if colours().dark else "dark")

    def retint(self) -> None:
        """Draw everything in the theme that is chosen."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        apply_theme(application, self._w.settings.preferences.theme)
        window = self._w
        window.actions_.retint()
        retint(window)
        for part in (window.images, window.run_panel, window.start, window.banner):
            part.retint()
        window.canvas.refresh()

    def _settings(self) -> None:
        dialog = PreferencesDialog(self._w.settings, self._w.runner, self._w)
        dialog.shortcuts_wanted.connect(self._shortcuts)
        dialog.cache_cleared.connect(self._w.desk.ask_state)
        dialog.open()

    # Windows ------------------------------------------------------------------------------------------------------

    def _export(self) -> None:
        from counterpart.desktop.project.export_dialog import (
            ExportDialog,  # the formats bring scipy with them: not at the start
        )

        document = self._w.session.document
        if document is not None:
            window = self._w
            folder, listed = window.session.folder, window.images.model.shown
            used = str(window.settings.params("export").get("format", _USUAL_FORMAT))
            dialog = ExportDialog(document, folder, window.images.current, listed, window.light, window, preferred=used)
            dialog.exported.connect(lambda name: window.settings.set_params("export", {"format": name}))
            dialog.open()

    def _statistics(self) -> None:
        from counterpart.desktop.parts.statistics_dialog import StatisticsDialog

        document = self._w.session.document
        if document is not None:
            dialog = StatisticsDialog(document, self._w.session.folder, self._w.light, self._w)
            dialog.part_chosen.connect(self._w.images.show_part)
            dialog.open()

    def _locate(self) -> None:
        self._w.relinks.locate()

    def _import(self) -> None:
        from counterpart.desktop.project.import_dialog import ImportDialog

        bridge = self._w.session.bridge
        if bridge is not None:
            ImportDialog(bridge.document, self._w.session.folder, self._w.light, bridge.push, self._w).open()

    def _shortcuts(self) -> None:
        ShortcutsDialog(self._w.actions_, self._w.settings, self._w).open()

    def _about(self) -> None:
        box = QMessageBox(self._w)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("About Counterpart")
        box.setIconPixmap(self._w.windowIcon().pixmap(64, 64))
        box.setText(f"<b>Counterpart {__version__}</b>")
        box.setInformativeText(
            "Finds the object that images share, its parts, and the points that correspond, from dense features of a "
            "pretrained vision transformer. Nothing leaves this computer."
        )
        box.open()

    def _close_project(self) -> None:
        if self.may_close():
            self._w.session.close()
            self._w.show_session()

    def may_close(self) -> bool:
        """Whether nothing would be lost; asks only when something could not be saved."""
        document = self._w.session.document
        if document is None or document.read_only:
            return True
        lost = not document.saved.saved or (document.path is None and len(document) > 0)
        if not lost or (document.path is not None and self._w.session.save()):
            return True
        answer = QMessageBox.warning(
            self._w,
            "Not saved",
            "This project is only in memory. Save it before closing?",
            QMessageBox.StandardButton.Save | QMessageBox.StandardButton.Discard | QMessageBox.StandardButton.Cancel,
        )
        if answer == QMessageBox.StandardButton.Save:
            QTimer.singleShot(0, self._w.files.save_as)
            return False
        return answer == QMessageBox.StandardButton.Discard


def _typing() -> bool:
    focus = QApplication.focusWidget()
    if isinstance(focus, QAbstractItemView):
        return focus.state() == QAbstractItemView.State.EditingState
    return isinstance(focus, QLineEdit | QAbstractSpinBox | QPlainTextEdit)
