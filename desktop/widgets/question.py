"""A question before something that a person may not mean: what would happen, a button that does it, and Cancel."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QMessageBox, QPushButton, QWidget

from counterpart.desktop.widgets.icons import pixmap
from counterpart.desktop.widgets.theme import colours

_NAME = "question"
_ICON_PX = 28


def ask(
    owner: QWidget,
    title: str,
    text: str,
    *,
    button: str,
    accepted: Callable[[], object],
    more: str = "",
    careful: bool = False,
    forgo: Callable[[], object] | None = None,
) -> QMessageBox:
    """Ask, and go on only when the button is pressed. Does not wait.

    Args:
        owner: The window that it stands over.
        title: Of the dialog.
        text: The question.
        button: What the button that goes on says.
        accepted: Called when it is pressed.
        more: What would come of it.
        careful: Whether Enter means Cancel, as where work would be lost.
        forgo: Called before `accepted` where the person ticked not to be asked again; None offers no such box.
    """
    box = QMessageBox(owner)
    box.setObjectName(_NAME)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.setWindowTitle(title)
    theme = colours()
    name, tone = ("warning", theme.warning) if careful else ("info", theme.accent)
    box.setIconPixmap(pixmap(name, _ICON_PX, tone, owner.devicePixelRatioF()))
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setText(text)
    box.setInformativeText(more)
    go_on = QPushButton(button)
    go_on.setObjectName("" if careful else "primary")
    box.addButton(go_on, QMessageBox.ButtonRole.AcceptRole)
    cancel = box.addButton(QMessageBox.StandardButton.Cancel)
    box.setDefaultButton(cancel if careful else go_on)
    box.setEscapeButton(cancel)
    never = QCheckBox("Do not ask again")
    if forgo is not None:
        box.setCheckBox(never)

    def answered() -> None:
        if box.clickedButton() is go_on:
            if forgo is not None and never.isChecked():
                forgo()
            accepted()

    box.finished.connect(answered)
    box.open()
    return box
