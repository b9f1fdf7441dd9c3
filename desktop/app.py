"""Starts the window: `counterpart [gui] [PROJECT|FOLDER]`."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtWidgets import QApplication

from counterpart.core import __version__
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.icons import app_icon, forget_icons
from counterpart.desktop.widgets.theme import apply_theme
from counterpart.desktop.widgets.trouble_dialog import ExceptionHook
from counterpart.desktop.window.main_window import MainWindow


def make_application(argv: Sequence[str]) -> QApplication:
    """The Qt application, with names and screen scaling set; the existing one if there is one."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    # Fractional scales are passed on as they are: rounding them makes everything too large or too small.
    QApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication(list(argv))
    application.setApplicationName("Counterpart")
    application.setApplicationDisplayName("Counterpart")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("counterpart")
    application.setWindowIcon(app_icon())
    return application


def main(argv: Sequence[str] | None = None) -> int:
    """Open the window and stay until it is closed.

    Args:
        argv: What to open: a project, a folder or images. The process's own arguments by default.

    Returns:
        Exit code.
    """
    parser = argparse.ArgumentParser(prog="counterpart gui", description="Open Counterpart's window.")
    parser.add_argument("paths", nargs="*", type=Path, metavar="PROJECT|FOLDER", help="what to open")
    chosen, rest = parser.parse_known_args(sys.argv[1:] if argv is None else list(argv))
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    application = make_application([sys.argv[0], *rest])
    settings = Settings()
    apply_theme(application, settings.preferences.theme)
    hook = ExceptionHook(application)
    hook.install()
    window = MainWindow(settings)
    window.show()
    if chosen.paths:
        paths = [path.absolute() for path in chosen.paths]
        QTimer.singleShot(0, lambda: window.bench.session.open_any(paths))
    try:
        return application.exec()
    finally:
        window.shutdown()
        window.deleteLater()
        hook.remove()
        application.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        forget_icons()


if __name__ == "__main__":
    sys.exit(main())
