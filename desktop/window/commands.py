"""What concerns the window itself: its theme, the settings, help."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, Slot
from PySide6.QtWidgets import QApplication, QMessageBox

from counterpart.core import __version__
from counterpart.desktop.shell.actions import Action
from counterpart.desktop.shell.shortcuts_dialog import ShortcutsDialog
from counterpart.desktop.widgets.retint import retint
from counterpart.desktop.widgets.theme import apply_theme, colours
from counterpart.desktop.window.preferences_dialog import PreferencesDialog
from counterpart.desktop.workbench import Workbench


class WindowCommands(QObject):
    """Carries out what the window's own actions ask for, and follows the settings."""

    def __init__(self, bench: Workbench) -> None:
        super().__init__(bench.window)
        self._bench = bench
        bench.canvas.wheel_zooms = bench.settings.preferences.wheel_zooms
        bench.settings.changed.connect(self._preferences_changed)

    def actions(self) -> list[Action]:
        """The window's own actions."""
        # fmt: off
        return [
            Action("quit", "&Quit", "File", keys=("Ctrl+Q",), do=self._bench.window.close, place=320),
            Action("settings", "&Settings…", "Edit", keys=("Ctrl+,",), icon="settings", do=self.edit_preferences,
                   place=110),
            Action("theme", "&Light or dark", "View", keys=("F9",), icon="theme", do=self.toggle_theme, during="passes",
                   place=510),
            Action("shortcuts", "&Keyboard shortcuts", "Help", keys=("F1",), icon="keyboard", do=self.show_shortcuts,
                   place=10),
            Action("about", "&About Counterpart", "Help", icon="info", do=self.show_about, place=20),
        ]
        # fmt: on

    @Slot()
    def _preferences_changed(self) -> None:
        preferences = self._bench.settings.preferences
        self._bench.canvas.wheel_zooms = preferences.wheel_zooms
        if colours().dark != (preferences.theme != "light"):
            self.retint()
        self._bench.actions.refresh()

    @Slot()
    def toggle_theme(self) -> None:
        """Change between light and dark."""
        self._bench.settings.change(theme="light" if colours().dark else "dark")

    def retint(self) -> None:
        """Draw everything in the theme that is chosen."""
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        apply_theme(application, self._bench.settings.preferences.theme)
        self._bench.actions.retint()
        retint(self._bench.window)
        self._bench.canvas.refresh()

    @Slot()
    def edit_preferences(self) -> None:
        """Open the settings."""
        dialog = PreferencesDialog(self._bench.settings, self._bench.jobs, self._bench.window)
        dialog.shortcuts_wanted.connect(self.show_shortcuts)
        dialog.cache_cleared.connect(self._bench.models.ask_state)
        dialog.open()

    @Slot()
    def show_shortcuts(self) -> None:
        """Show every shortcut and gesture."""
        ShortcutsDialog(self._bench.actions, self._bench.settings, self._bench.window).open()

    @Slot()
    def show_about(self) -> None:
        """Say what this program is."""
        box = QMessageBox(self._bench.window)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("About Counterpart")
        box.setIconPixmap(self._bench.window.windowIcon().pixmap(64, 64))
        box.setText(f"<b>Counterpart {__version__}</b>")
        box.setInformativeText(
            "Finds the object that images share, its parts, and the points that correspond, from dense features of a "
            "pretrained vision transformer. Nothing leaves this computer."
        )
        box.open()
