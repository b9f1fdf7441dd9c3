"""Icons: one family of SVG drawings in the program's resources, tinted with the theme's text colour.

The drawings say `currentColor`; it is replaced when they are rendered, so that one file serves both themes.
Qt's stylesheets accept files only, so the few arrows they need are written to a temporary folder once per
colour.
"""

from __future__ import annotations

import tempfile
from functools import cache, lru_cache
from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from counterpart.core.resources import resource_path
from counterpart.desktop.widgets.theme import colours

__all__ = ["ICON_PX", "app_icon", "forget_icons", "glyph_file", "icon", "pixmap", "swatch"]

ICON_PX = 20
_SCALES = (1.0, 1.5, 2.0, 3.0)
_GLYPHS = {"up": "M2 7l3-3.5L8 7", "down": "M2 3.5L5 7l3-3.5", "check": "M2 5.2l2.2 2.3L8.2 2.8"}


def icon(name: str, colour: str = "") -> QIcon:
    """The icon of that name in the theme's text colour (or another), faint where it is disabled."""
    theme = colours()
    return _icon(name, colour or theme.text, theme.faint)


@cache
def _icon(name: str, normal: str, disabled: str) -> QIcon:
    made = QIcon()
    for mode, colour in ((QIcon.Mode.Normal, normal), (QIcon.Mode.Disabled, disabled)):
        for scale in _SCALES:
            made.addPixmap(pixmap(name, ICON_PX, colour, scale), mode)
    return made


@cache
def _source(name: str) -> str:
    return resource_path("icons", f"{name}.svg").read_text(encoding="utf-8")


def pixmap(name: str, size: int, colour: str = "", scale: float = 1.0) -> QPixmap:
    """An icon as a pixmap of `size` logical pixels for a screen of that scale."""
    return _drawn(name, size, colour or colours().text, scale)


@cache
def _drawn(name: str, size: int, colour: str, scale: float) -> QPixmap:
    text = _source(name).replace("currentColor", colour)
    renderer = QSvgRenderer(QByteArray(text.encode()))
    image = QPixmap(QSize(size, size) * scale)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    renderer.render(painter, QRectF(0, 0, image.width(), image.height()))
    painter.end()
    image.setDevicePixelRatio(scale)
    return image


@cache
def app_icon() -> QIcon:
    """The program's own mark."""
    made = QIcon()
    for size in (16, 32, 48, 128, 256):
        made.addPixmap(pixmap("counterpart", size))
    return made


@cache
def _glyph_folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="counterpart-glyphs-", ignore_cleanup_errors=True)


@cache
def glyph_file(name: str, colour: str) -> str:
    """Path, with forward slashes, of a small SVG of one stroke for use in a stylesheet."""
    file = Path(_glyph_folder().name, f"{name}-{colour.lstrip('#')}.svg")
    file.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10" viewBox="0 0 10 10">'
        f'<path d="{_GLYPHS[name]}" fill="none" stroke="{colour}" stroke-width="1.5" '
        'stroke-linecap="round" stroke-linejoin="round"/></svg>',
        encoding="utf-8",
    )
    return file.as_posix()


@lru_cache(maxsize=512)
def swatch(colour: tuple[int, int, int], size: int = 14, scale: float = 2.0) -> QIcon:
    """A rounded square of a colour; kept, as tables ask for it with every repaint."""
    image = QPixmap(QSize(size, size) * scale)
    image.setDevicePixelRatio(scale)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QColor(0, 0, 0, 90))
    painter.setBrush(QColor(*colour))
    painter.drawRoundedRect(QRectF(0.5, 0.5, size - 1, size - 1), 3, 3)
    painter.end()
    made = QIcon()
    for mode in (QIcon.Mode.Normal, QIcon.Mode.Selected, QIcon.Mode.Active, QIcon.Mode.Disabled):
        made.addPixmap(image, mode)  # a colour is a colour: Qt would tint it in a selected row
    return made


def forget_icons() -> None:
    """Let go of all drawings: pixmaps must not outlive the application."""
    for kept in (_icon, _drawn, app_icon, swatch):
        kept.cache_clear()
