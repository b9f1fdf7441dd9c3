"""How the window looks: neutral surfaces, one accent colour, a grid of 8 pixels.

The photographs carry the colour, so the surfaces around them carry none. Everything is Qt's Fusion style with
a palette and one short stylesheet; no theming package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPalette
from PySide6.QtWidgets import QApplication

from counterpart.desktop.widgets.glyphs import glyph_file

ThemeName = Literal["dark", "light", "system"]

GRID = 8
"""Distances are multiples of this, or half of it."""


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of a theme, as `#rrggbb`.

    Attributes:
        dark: Whether text is lighter than its ground.
        canvas: Behind the photographs.
        window: Bars and the spaces between panels.
        panel: Panels and lists.
        raised: Controls that can be pressed or typed into.
        hover: The same under the pointer.
        border: Lines between surfaces.
        text: What is read.
        muted: What is read second.
        faint: What cannot be used now.
        accent: The one colour of the chrome: selection, focus, the button that starts.
        on_accent: Text on the accent.
        warning: What deserves doubt.
        danger: What failed.
        good: What is done.
    """

    dark: bool
    canvas: str
    window: str
    panel: str
    raised: str
    hover: str
    border: str
    text: str
    muted: str
    faint: str
    accent: str
    on_accent: str
    warning: str
    danger: str
    good: str


DARK = Colours(
    dark=True,
    canvas="#131416",
    window="#1b1d20",
    panel="#212327",
    raised="#2c2f34",
    hover="#363a41",
    border="#33363c",
    text="#e6e8eb",
    muted="#a2a8b1",
    faint="#6c727c",
    accent="#3d8bfd",
    on_accent="#ffffff",
    warning="#f0a03c",
    danger="#f0625d",
    good="#4cb782",
)
LIGHT = Colours(
    dark=False,
    canvas="#d3d6da",
    window="#eceef0",
    panel="#f8f9fa",
    raised="#ffffff",
    hover="#e6e9ed",
    border="#cfd3d8",
    text="#1d2025",
    muted="#565d67",
    faint="#949ba5",
    accent="#1a6fe0",
    on_accent="#ffffff",
    warning="#b45f06",
    danger="#c62f2b",
    good="#1d7f4e",
)


def _active() -> Colours:
    app = QApplication.instance()
    name = app.property("counterpart_theme") if app is not None else None
    return LIGHT if name == "light" else DARK


def colours() -> Colours:
    """The colours of the theme in use."""
    return _active()


def apply_theme(app: QApplication, name: ThemeName) -> None:
    """Give the whole program a theme; widgets that exist already follow."""
    hints = app.styleHints()
    schemes = {"dark": Qt.ColorScheme.Dark, "light": Qt.ColorScheme.Light, "system": Qt.ColorScheme.Unknown}
    hints.setColorScheme(schemes[name])
    if name == "system":
        name = "light" if hints.colorScheme() == Qt.ColorScheme.Light else "dark"
    if app.property("counterpart_theme") is None:
        app.setStyle("Fusion")  # once: setting it again would undo the icon sizes of bars
    app.setProperty("counterpart_theme", name)
    app.setPalette(_palette(_active()))
    app.setStyleSheet(_stylesheet(_active()))


def strong_font(base: QFont) -> QFont:
    """For headings: the same size, heavier."""
    font = QFont(base)
    font.setWeight(QFont.Weight.DemiBold)
    return font


def small_font(base: QFont) -> QFont:
    """For what is read second: a step smaller."""
    font = QFont(base)
    font.setPointSizeF(max(base.pointSizeF() * 0.9, 7.5))
    return font


def _palette(c: Colours) -> QPalette:
    palette = QPalette()
    roles = {
        QPalette.ColorRole.Window: c.window,
        QPalette.ColorRole.WindowText: c.text,
        QPalette.ColorRole.Base: c.panel,
        QPalette.ColorRole.AlternateBase: c.window,
        QPalette.ColorRole.Text: c.text,
        QPalette.ColorRole.Button: c.raised,
        QPalette.ColorRole.ButtonText: c.text,
        QPalette.ColorRole.BrightText: c.danger,
        QPalette.ColorRole.ToolTipBase: c.raised,
        QPalette.ColorRole.ToolTipText: c.text,
        QPalette.ColorRole.PlaceholderText: c.faint,
        QPalette.ColorRole.Highlight: c.accent,
        QPalette.ColorRole.HighlightedText: c.on_accent,
        QPalette.ColorRole.Link: c.accent,
        QPalette.ColorRole.LinkVisited: c.accent,
        QPalette.ColorRole.Accent: c.accent,
        QPalette.ColorRole.Mid: c.border,
        QPalette.ColorRole.Dark: c.border,
        QPalette.ColorRole.Shadow: "#000000",
        QPalette.ColorRole.Light: c.hover,
        QPalette.ColorRole.Midlight: c.hover,
    }
    for role, colour in roles.items():
        palette.setColor(role, QColor(colour))
    for role in (
        QPalette.ColorRole.WindowText,
        QPalette.ColorRole.Text,
        QPalette.ColorRole.ButtonText,
        QPalette.ColorRole.HighlightedText,
    ):
        palette.setColor(QPalette.ColorGroup.Disabled, role, QColor(c.faint))
    palette.setColor(QPalette.ColorGroup.Disabled, QPalette.ColorRole.Highlight, QColor(c.border))
    return palette


def _stylesheet(c: Colours) -> str:
    return (
        f"""
QToolTip {{ background: {c.raised}; color: {c.text}; border: 1px solid {c.border}; padding: 4px 8px; }}
QMenuBar {{ background: {c.window}; padding: 2px 4px; }}
QMenuBar::item {{ padding: 4px 8px; border-radius: 4px; background: transparent; }}
QMenuBar::item:selected {{ background: {c.hover}; }}
QFrame#popup {{ background: {c.panel}; border: 1px solid {c.border}; }}
QMenu {{ background: {c.panel}; border: 1px solid {c.border}; padding: 4px; }}
QMenu::item {{ padding: 5px 24px 5px 8px; border-radius: 4px; }}
QMenu::item:selected {{ background: {c.accent}; color: {c.on_accent}; }}
QMenu::item:disabled {{ color: {c.faint}; background: transparent; }}
QMenu::icon {{ padding-left: 6px; }}
QMenu::separator {{ height: 1px; background: {c.border}; margin: 4px 8px; }}

QToolBar {{ background: {c.window}; border: none; spacing: 2px; padding: 4px; }}
QToolBar#toolOptions {{ border-bottom: 1px solid {c.border}; padding: 4px 8px; spacing: 4px; }}
QToolBar#tools {{ border-right: 1px solid {c.border}; }}
QToolBar::separator {{ background: {c.border}; }}
QToolBar::separator:horizontal {{ width: 1px; margin: 4px 6px; }}
QToolBar::separator:vertical {{ height: 1px; margin: 6px 4px; }}
QToolButton {{ border: none; border-radius: 4px; padding: 5px; background: transparent; }}
QToolButton:hover {{ background: {c.hover}; }}
QToolButton:pressed {{ background: {c.border}; }}
QToolButton:checked {{ background: {_mix(c.accent, c.window, 0.28)}; }}
QToolButton:focus {{ border: 1px solid {c.accent}; padding: 4px; }}
QToolButton#quiet {{ padding: 3px; }}
QToolButton[popupMode="2"]::menu-indicator {{ image: none; }}
QToolButton#split {{ background: {c.raised}; border: 1px solid {c.border}; padding: 4px 26px 4px 8px; }}
QToolButton#split:hover {{ background: {c.hover}; }}
QToolButton#split:disabled {{ background: {c.panel}; }}
QToolButton#split::menu-button {{ border: none; border-left: 1px solid {c.border}; width: 20px; }}
QToolButton#split::menu-arrow {{ image: url(@down@); width: 10px; height: 10px; }}
QToolButton#segmentLeft, QToolButton#segmentRight {{ background: {c.raised}; border: 1px solid {c.border};
    padding: 4px 10px; }}
QToolButton#segmentLeft {{ border-top-right-radius: 0; border-bottom-right-radius: 0; border-right: none; }}
QToolButton#segmentRight {{ border-top-left-radius: 0; border-bottom-left-radius: 0; }}
QToolButton#segmentLeft:checked, QToolButton#segmentRight:checked {{
    background: {_mix(c.accent, c.panel, 0.35)}; border-color: {c.accent}; }}
QToolButton#disclosure {{ padding: 3px 4px; text-align: left; color: {c.muted}; }}
QToolButton#disclosure:hover {{ color: {c.text}; background: transparent; }}
QToolButton#disclosure:checked {{ background: transparent; }}

QPushButton {{ background: {c.raised}; border: 1px solid {c.border}; border-radius: 4px; padding: 5px 14px;
    min-height: 18px; }}
QPushButton:hover {{ background: {c.hover}; }}
QPushButton:pressed {{ background: {c.border}; }}
QPushButton:focus {{ border-color: {c.accent}; }}
QPushButton:disabled {{ color: {c.faint}; background: {c.panel}; }}
QPushButton#primary {{ background: {c.accent}; border-color: {c.accent}; color: {c.on_accent}; font-weight:
600; }} QPushButton#primary:hover {{ background: {_mix("#ffffff", c.accent, 0.12)}; }}
QPushButton#primary:pressed {{ background: {_mix("#000000", c.accent, 0.12)}; }} QPushButton#primary:focus {{
border-color: {_mix("#ffffff", c.accent, 0.6)}; }} QPushButton#primary:disabled {{ background: {c.raised};
border-color: {c.border}; color: {c.faint}; }}

QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox, QPlainTextEdit, QTextBrowser {{ background: {c.raised};
    border: 1px solid {c.border}; border-radius: 4px; padding: 4px 8px; min-height: 18px;
    selection-background-color: {c.accent}; selection-color: {c.on_accent}; }}
QLineEdit:focus, QSpinBox:focus, QDoubleSpinBox:focus, QComboBox:focus, QPlainTextEdit:focus {{
    border-color: {c.accent}; }}
QLineEdit:disabled, QSpinBox:disabled, QDoubleSpinBox:disabled, QComboBox:disabled {{ color: {c.faint};
    background: {c.panel}; }}
QSpinBox, QDoubleSpinBox {{ padding-right: 20px; }}
QSpinBox::up-button, QDoubleSpinBox::up-button {{ subcontrol-position: top right; width: 18px; border: none;
}} QSpinBox::down-button, QDoubleSpinBox::down-button {{ subcontrol-position: bottom right; width: 18px;
border: none; }} QSpinBox::up-arrow, QDoubleSpinBox::up-arrow {{ image: url(@up@); width: 10px; height: 10px;
}} QSpinBox::down-arrow, QDoubleSpinBox::down-arrow {{ image: url(@down@); width: 10px; height: 10px; }}
QComboBox {{ padding-right: 22px; }} QComboBox::drop-down {{ border: none; width: 22px; }}
QComboBox::down-arrow {{ image: url(@down@); width: 12px; height: 12px; }} QComboBox QAbstractItemView {{
background: {c.panel}; border: 1px solid {c.border}; padding: 4px; outline: none; }}

QCheckBox {{ spacing: 8px; }}
QCheckBox::indicator {{ width: 14px; height: 14px; border: 1px solid {c.faint}; border-radius: 3px;
    background: {c.raised}; }}
QCheckBox::indicator:hover {{ border-color: {c.accent}; }}
QCheckBox::indicator:checked {{ background: {c.accent}; border-color: {c.accent}; image: url(@check@); }}
QCheckBox:focus {{ color: {c.text}; }}
QCheckBox::indicator:focus {{ border-color: {c.accent}; }}

QSlider::groove:horizontal {{ height: 4px; border-radius: 2px; background: {c.border}; }}
QSlider::sub-page:horizontal {{ height: 4px; border-radius: 2px; background: {c.accent}; }}
QSlider::sub-page:horizontal:disabled {{ background: {c.border}; }}
QSlider::handle:horizontal {{ width: 12px; height: 12px; margin: -4px 0; border-radius: 6px; background:
{c.text}; }} QSlider::handle:horizontal:hover {{ background: {c.accent}; }}
QSlider::handle:horizontal:disabled {{ background: {c.faint}; }} QSlider:focus {{ border: none; }}

QTabWidget::pane {{ border: none; background: {c.panel}; }}
QTabBar {{ background: {c.window}; qproperty-drawBase: 0; }}
QTabBar::tab {{ padding: 8px 8px; color: {c.muted}; border: none; border-bottom: 2px solid transparent;
    background: {c.window}; }}
QTabBar::tab:hover {{ color: {c.text}; }}
QTabBar::tab:selected {{ color: {c.text}; border-bottom-color: {c.accent}; }}
QTabBar::tab:focus {{ color: {c.accent}; }}

QAbstractItemView {{ background: {c.panel}; border: none; outline: none; }}
QHeaderView {{ background: {c.panel}; }}
QHeaderView::section {{ background: {c.panel}; color: {c.muted}; border: none;
    border-bottom: 1px solid {c.border}; padding: 4px 6px; }}
QTableView {{ gridline-color: transparent; selection-background-color: {_mix(c.accent, c.panel, 0.3)};
    selection-color: {c.text}; }}
QTableView::item {{ padding: 2px 6px; }}
QTreeView {{ selection-background-color: {_mix(c.accent, c.panel, 0.3)}; selection-color: {c.text}; }}
QTreeView::item {{ padding: 4px 2px; }}
QTreeView::item:hover {{ background: {c.hover}; }}
QTreeView::item:selected {{ background: {_mix(c.accent, c.panel, 0.3)}; color: {c.text}; }}
QTableView#images {{ selection-background-color: transparent; }}

QScrollBar:vertical {{ width: 12px; background: transparent; margin: 0; }}
QScrollBar:horizontal {{ height: 12px; background: transparent; margin: 0; }}
QScrollBar::handle {{ background: {c.hover}; border-radius: 4px; margin: 2px; }}
QScrollBar::handle:vertical {{ min-height: 32px; }}
QScrollBar::handle:horizontal {{ min-width: 32px; }}
QScrollBar::handle:hover {{ background: {c.faint}; }}
QScrollBar::add-line, QScrollBar::sub-line {{ width: 0; height: 0; }}
QScrollBar::add-page, QScrollBar::sub-page {{ background: transparent; }}

QSplitter::handle {{ background: {c.border}; }}
QSplitter::handle:horizontal {{ width: 1px; }}
QSplitter::handle:vertical {{ height: 1px; }}
QSplitter::handle:hover {{ background: {c.accent}; }}

QProgressBar {{ background: {c.border}; border: none; border-radius: 2px; max-height: 4px; min-height: 4px; }}
QProgressBar::chunk {{ background: {c.accent}; border-radius: 2px; }}

QStatusBar {{ background: {c.window}; border-top: 1px solid {c.border}; color: {c.muted}; }}
QStatusBar::item {{ border: none; }}
QStatusBar QLabel {{ color: {c.muted}; padding: 0 4px; }}

QMessageBox QLabel#qt_msgbox_label {{ font-weight: 600; min-width: 360px; }}
QMessageBox QLabel#qt_msgbox_informativelabel {{ min-width: 360px; }}

QFrame#line {{ background: {c.border}; max-height: 1px; min-height: 1px; border: none; }}
QFrame#notice {{ background: {_mix(c.accent, c.panel, 0.12)}; border: 1px solid {_mix(c.accent, c.panel, 0.4)};
    border-radius: 6px; }}
QFrame#notice[kind="warning"] {{ background: {_mix(c.warning, c.panel, 0.12)};
    border-color: {_mix(c.warning, c.panel, 0.45)}; }}
QFrame#notice[kind="error"] {{ background: {_mix(c.danger, c.panel, 0.12)};
    border-color: {_mix(c.danger, c.panel, 0.45)}; }}
QFrame#banner {{ background: {_mix(c.accent, c.panel, 0.16)};
    border-bottom: 1px solid {_mix(c.accent, c.panel, 0.4)}; }}
QFrame#banner[kind="warning"] {{ background: {_mix(c.warning, c.panel, 0.16)};
    border-bottom-color: {_mix(c.warning, c.panel, 0.45)}; }}
QFrame#banner[kind="error"] {{ background: {_mix(c.danger, c.panel, 0.18)};
    border-bottom-color: {_mix(c.danger, c.panel, 0.5)}; }}
QFrame#card {{ background: {c.panel}; border: 1px solid {c.border}; border-radius: 6px; }}
QWidget#panel {{ background: {c.panel}; }}
QLabel[role="muted"] {{ color: {c.muted}; }}
QLabel[role="error"] {{ color: {c.danger}; }}
""".replace("@up@", _glyph("up", c))
        .replace("@down@", _glyph("down", c))
        .replace("@check@", _glyph("check", c))
    )


def _glyph(name: str, c: Colours) -> str:
    return glyph_file(name, c.on_accent if name == "check" else c.muted)


def _mix(over: str, under: str, share: float) -> str:
    """`over` laid on `under` with the given opacity."""
    a, b = QColor(over), QColor(under)
    pairs = ((a.red(), b.red()), (a.green(), b.green()), (a.blue(), b.blue()))
    mixed = [round(x * share + y * (1 - share)) for x, y in pairs]
    return "#{:02x}{:02x}{:02x}".format(*mixed)
