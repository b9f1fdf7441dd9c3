"""Keeps the window in step with the open document: each kind of change reaches exactly the panels that show it."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from counterpart.core.project.changes import ImagesChanged, SavedChanged
from counterpart.core.project.model import ImageRecord
from counterpart.desktop.project.document_bridge import DocumentBridge

if TYPE_CHECKING:
    from counterpart.desktop.window.main_window import MainWindow

__all__ = ["DocumentFollower"]


class DocumentFollower(QObject):
    """Listens to one document at a time, on behalf of a window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._w = window

    def follow(self, bridge: DocumentBridge) -> None:
        """Listen to a document. A bridge that is closed says nothing more."""
        bridge.images_changed.connect(self._on_images_changed)
        bridge.parts_changed.connect(self._on_parts_changed)
        bridge.mask_changed.connect(self._on_mask_changed)
        bridge.states_changed.connect(self._on_states_changed)
        bridge.matches_changed.connect(self._on_matches_changed)
        bridge.skeletons_changed.connect(self._w.pointwork.skeletons_changed)
        bridge.keypoints_changed.connect(self._w.pointwork.keypoints_changed)
        bridge.saved_changed.connect(self.show_saved)
        bridge.history_changed.connect(self._w.commands.refresh)

    @Slot(object)
    def _on_images_changed(self, change: ImagesChanged) -> None:
        document = self._w.session.document
        assert document is not None
        moved = [image for image in change.updated if self._elsewhere(document.image(image))]
        if change.added or change.removed:
            keep = self._w.images.current
            self._w.images.model.set_records(document.images())
            row = self._w.images.model.row(keep)
            self._w.images.select(keep if row >= 0 else next(iter(self._w.images.model.shown), 0))
            self._leave_right(change.removed)
            self._w.relinks.images_added(change.added)
        self._w.images.model.update_records(document.image(image) for image in change.updated)
        if moved:
            self._w.relinks.moved(moved)
        self._w.show_counts()
        self._w.commands.refresh()

    def _leave_right(self, removed: Collection[int]) -> None:
        """Show another image on the right, in view or not, where the one that was there is gone."""
        window = self._w
        if window.viewer.image(1) not in removed:
            return
        model, current = window.images.model, window.images.current
        other = model.neighbour(current, 1) or model.neighbour(current, -1) or 0
        window.viewer.show(1, other)
        if not other and window.canvas.count > 1:
            window.commands.set_paired(False)
        window.mark_sides()

    def _elsewhere(self, record: ImageRecord) -> bool:
        """Whether the list knows another place for an image."""
        known = self._w.images.model.record(record.id)
        return known is not None and (known.root, known.path) != (record.root, record.path)

    @Slot()
    def _on_parts_changed(self) -> None:
        self._w.annotator.refresh_parts()
        self._w.thumbnails.refresh_all()
        self._w.partwork.document_changed()

    @Slot(int, object)
    def _on_mask_changed(self, image: int, box: tuple[int, int, int, int]) -> None:
        self._w.viewer.refresh_labels(image, box)
        self._w.editor.labels_changed(image, box)
        self._w.thumbnails.refresh(image)
        self._w.partwork.labels_changed()
        if image == self._w.viewer.image(0):
            self._w.annotator.refresh_image()

    @Slot(object)
    def _on_states_changed(self, images: tuple[int, ...]) -> None:
        document = self._w.session.document
        assert document is not None
        self._w.partwork.document_changed(images)
        # Parts also go with the images that they were on.
        known = [image for image in images if self._w.images.model.record(image) is not None]
        self._w.images.model.update_records(document.image(image) for image in known)
        for image in known:
            self._w.viewer.refresh_labels(image)
        self._w.annotator.refresh_image()
        self._w.show_counts()

    @Slot(object)
    def _on_matches_changed(self, pairs: tuple[tuple[int, int], ...]) -> None:
        if tuple(sorted(self._w.pairs.pair)) in pairs:
            self._w.pairs.refresh()

    @Slot(object)
    def show_saved(self, change: SavedChanged) -> None:
        """Say how the file stands to what is on the screen."""
        document = self._w.session.document
        path = document.path if document is not None else None
        read_only = document is not None and document.read_only
        self._w.status.show_saved(change, str(path or ""), kept=path is not None, read_only=read_only)
