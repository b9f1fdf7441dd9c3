"""Messages over the images: what happened, why something cannot be done, and offers with a button."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Slot

from counterpart.desktop.widgets.notice import Notice

_READING_MS, _WARNED_MS = 6000, 20_000


class Messages(QObject):
    """Says one thing at a time; what is said later replaces it.

    Args:
        notice: Shows it.
    """

    def __init__(self, notice: Notice, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._notice = notice
        self._accepted: Callable[[], object] | None = None
        self._declined: Callable[[], object] | None = None
        notice.button.clicked.connect(self._on_accepted)
        notice.closed.connect(self._on_declined)

    @Slot(str, str)
    def tell(self, kind: str, text: str) -> None:
        """Show a message of kind `info`, `warning` or `error`: errors until dismissed, the others for a while."""
        self._show(kind, text)
        if kind != "error":
            self._notice.leave_after(_READING_MS if kind == "info" else _WARNED_MS)

    @Slot(str)
    def tell_error(self, text: str) -> None:
        """Show what went wrong until it is dismissed."""
        self.tell("error", text)

    @Slot(str)
    def refuse(self, text: str) -> None:
        """Say for a while why something cannot be done."""
        self._show("warning", text)
        self._notice.leave_after(_READING_MS)

    def offer(
        self, text: str, button: str, accepted: Callable[[], object], declined: Callable[[], object] | None = None
    ) -> None:
        """Offer something that a button does; it stands until it is answered, withdrawn, or something else is said."""
        self._show("info", text, button)
        self._accepted, self._declined = accepted, declined

    def withdraw(self, accepted: Callable[[], object]) -> None:
        """Take an offer back, if it is the one that stands; `accepted` is what it was made with."""
        if self._accepted == accepted:
            self.hide()

    @Slot()
    def hide(self) -> None:
        """Say nothing any more."""
        self._accepted = self._declined = None
        self._notice.hide()

    def _show(self, kind: str, text: str, button: str = "") -> None:
        self._accepted = self._declined = None
        self._notice.show_text(kind, text, button)

    @Slot()
    def _on_accepted(self) -> None:
        accepted = self._accepted
        if accepted is not None:
            self.hide()
            accepted()

    @Slot()
    def _on_declined(self) -> None:
        declined = self._declined
        self._accepted = self._declined = None
        if declined is not None:
            declined()
