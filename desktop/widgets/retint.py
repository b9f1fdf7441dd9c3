"""Drawing anew what a theme's colours went into."""

from __future__ import annotations

from PySide6.QtWidgets import QAbstractButton, QWidget

from counterpart.desktop.widgets.buttons import ICON_NAME
from counterpart.desktop.widgets.icons import icon


def retint(root: QWidget) -> None:
    """Draw anew below a widget what the theme's colours went into: icons, and what has a `retint` of its own."""
    for button in root.findChildren(QAbstractButton):
        name = button.property(ICON_NAME)
        if isinstance(name, str):
            button.setIcon(icon(name))
    for widget in root.findChildren(QWidget):
        own = getattr(widget, "retint", None)
        if callable(own):
            own()
