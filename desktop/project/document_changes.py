"""What changes in the open document, as Qt signals.

The document itself knows no Qt and has one kind of listener. Nothing else in the window subscribes to it. There is one
object for all documents that are opened after each other, so that rooms connect once.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal

from counterpart.core.project.changes import (
    Change,
    ImagesChanged,
    KeypointsChanged,
    LabelsChanged,
    MaskChanged,
    MatchesChanged,
    SavedChanged,
    SettingsChanged,
    SkeletonsChanged,
    StateChanged,
)
from counterpart.core.project.document import Document


class DocumentChanges(QObject):
    """Repeats the changes of one document at a time as signals.

    Signals:
        images: Images came, went or are told differently: an `ImagesChanged`.
        parts: The list of parts.
        mask: Image, and the box within which its labels changed (top, left, bottom, right).
        states: Images whose review state or parts changed.
        skeletons: The list of skeletons.
        keypoints: Images whose keypoints changed.
        matches: Pairs of images whose matches changed.
        settings: Names of settings.
        saved: How the file stands: a `SavedChanged`.
        history: What can be undone or done again.
    """

    images = Signal(object)
    parts = Signal()
    mask = Signal(int, object)
    states = Signal(object)
    skeletons = Signal()
    keypoints = Signal(object)
    matches = Signal(object)
    settings = Signal(object)
    saved = Signal(object)
    history = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._unsubscribe: Callable[[], None] | None = None

    def follow(self, document: Document | None) -> None:
        """Listen to another document, or to none."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._unsubscribe = document.subscribe(self._on_change) if document is not None else None

    def _on_change(self, change: Change) -> None:
        match change:
            case ImagesChanged():
                self.images.emit(change)
            case LabelsChanged():
                self.parts.emit()
            case MaskChanged(image_id=image, bbox=box):
                self.mask.emit(image, box)
            case StateChanged(image_ids=images):
                self.states.emit(images)
            case SkeletonsChanged():
                self.skeletons.emit()
            case KeypointsChanged(image_ids=images):
                self.keypoints.emit(images)
            case MatchesChanged(pairs=pairs):
                self.matches.emit(pairs)
            case SettingsChanged(keys=keys):
                self.settings.emit(keys)
            case SavedChanged():
                self.saved.emit(change)
