"""Which images a command works on: all, those listed, those selected, those not reviewed."""

from __future__ import annotations

from typing import Literal

from counterpart.core.images.reading import ImageRef
from counterpart.desktop.images.images_panel import ImagesPanel
from counterpart.desktop.project.session import Session

Scope = Literal["all", "todo", "listed", "selected"]

SCOPES: tuple[tuple[Scope, str], ...] = (
    ("all", "All"),
    ("todo", "Not reviewed"),
    ("listed", "Shown in the list"),
    ("selected", "Selected"),
)
"""Name and words of each scope."""


class Scopes:
    """Lists and counts the images of a scope.

    Args:
        session: What is open.
        panel: Knows what is listed and selected.
    """

    def __init__(self, session: Session, panel: ImagesPanel) -> None:
        self._session, self._panel = session, panel

    def images(self, scope: Scope) -> list[int]:
        """The images of a scope, in the project's order or the list's."""
        document = self._session.document
        if document is None:
            return []
        if scope == "listed":
            return list(self._panel.model.shown)
        if scope == "selected":
            return list(self._panel.selected)
        if scope == "todo":
            return [record.id for record in document.images() if record.state not in ("reviewed", "skipped")]
        return list(document.image_ids)

    def count(self, scope: Scope) -> int:
        """How many images a scope has, without listing them."""
        counts = self._panel.model.counts()
        total = self._panel.model.total
        done = counts["reviewed"] + counts["skipped"]
        some = {"listed": self._panel.model.rowCount(), "selected": self._panel.selected_count, "todo": total - done}
        return some.get(scope, total)

    def refs(self, images: list[int]) -> dict[int, ImageRef]:
        """Image references by id."""
        document = self._session.document
        return {image: document.image_ref(image) for image in images} if document is not None else {}
