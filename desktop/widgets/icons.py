"""Icons: one family of SVG drawings in the program's resources, tinted with the theme's text colour.

The drawings say `currentColor`; it is replaced when they are rendered, so that one file serves both themes.
"""

from __future__ import annotations

from functools import cache, lru_cache

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from counterpart.core.resources import resource_path
from counterpart.desktop.widgets.theme import colours

ICON_PX = 20
_SCALES = (1.0, 1.5, 2.0, 3.0)


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


@cache
def _renderer(name: str, colour: str) -> QSvgRenderer:
    return QSvgRenderer(QByteArray(_source(name).replace("currentColor", colour).encode()))


def pixmap(name: str, size: int, colour: str = "", scale: float = 1.0) -> QPixmap:
    """An icon as a pixmap of `size` logical pixels for a screen of that scale."""
    return _drawn(name, size, colour or colours().text, scale)


@cache
def _drawn(name: str, size: int, colour: str, scale: float) -> QPixmap:
    image = QPixmap(QSize(size, size) * scale)
    image.fill(Qt.GlobalColor.transparent)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    _renderer(name, colour).render(painter, QRectF(0, 0, image.width(), image.height()))
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
    for kept in (_icon, _drawn, _renderer, app_icon, swatch):
        kept.cache_clear()
