"""Buttons with an icon, of an action or of their own."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QToolButton

from counterpart.desktop.widgets.icons import ICON_PX, icon

ICON_NAME = "icon_name"
"""Property of a button that keeps which icon it has, so that it can be drawn anew in another theme."""


def icon_button(name: str, tip: str, *, checkable: bool = False, quiet: bool = False) -> QToolButton:
    """A flat button with an icon; its tooltip is its accessible name."""
    button = QToolButton()
    button.setIcon(icon(name))
    button.setProperty(ICON_NAME, name)
    button.setIconSize(QSize(16, 16) if quiet else QSize(ICON_PX, ICON_PX))
    button.setToolTip(tip)
    button.setAccessibleName(tip)
    button.setCheckable(checkable)
    if quiet:
        button.setObjectName("quiet")
    return button


def action_button(action: QAction, *, text: bool = False) -> QToolButton:
    """A flat button for an action."""
    button = QToolButton()
    button.setDefaultAction(action)
    button.setIconSize(QSize(ICON_PX, ICON_PX))
    style = Qt.ToolButtonStyle.ToolButtonTextBesideIcon if text else Qt.ToolButtonStyle.ToolButtonIconOnly
    button.setToolButtonStyle(style)
    return button
