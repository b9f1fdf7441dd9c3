"""Small pictures of images, made beside the window when they are seen and kept within a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Signal, Slot
from PySide6.QtGui import QImage, QPixmap

from counterpart.core.images.reading import read_thumbnail
from counterpart.core.project.model import ImageRecord
from counterpart.desktop.jobs.file_loader import FileLoader
from counterpart.desktop.widgets.qimage import rgb_to_qimage

THUMB_PX = 160
"""Longest side of what is made, pixels: sharp at 80 logical pixels on a screen of scale 2."""
THUMB_BYTES = 48 * 1024 * 1024
"""What is kept: some 500, more than a list shows at once. Making one again takes milliseconds, beside the window."""
_READ = 32

Overlay = tuple[NDArray[np.integer], dict[int, tuple[int, int, int]], float]
"""Labels at any size, colours by part, opacity."""


def tint(rgb: NDArray[np.uint8], overlay: Overlay) -> NDArray[np.uint8]:
    """Lay part colours over a small picture: (h, w, 3) uint8 with labels of any size -> (h, w, 3) uint8."""
    labels, colours, opacity = overlay
    height, width = rgb.shape[:2]
    rows = (np.arange(height) + 0.5) * labels.shape[0] / height
    cols = (np.arange(width) + 0.5) * labels.shape[1] / width
    small = labels[rows.astype(int)][:, cols.astype(int)]
    out = rgb.astype(np.float32)
    for part in np.unique(small):
        if int(part) in colours:
            where = small == part
            out[where] += (np.array(colours[int(part)], np.float32) - out[where]) * opacity
    return np.rint(out).astype(np.uint8)


class Thumbnails(QObject):
    """Gives pictures to the list, and has them made when it has none.

    Args:
        path_of: Where an image's file is.
        overlay_of: Labels to lay over it, or None. Called on the window's thread.
        parent: Owner.
    """

    ready = Signal(int)
    failed = Signal(int, str)

    def __init__(
        self,
        path_of: Callable[[ImageRecord], Path],
        overlay_of: Callable[[int], Overlay | None],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._path_of, self._overlay_of = path_of, overlay_of
        self._made: OrderedDict[int, QPixmap] = OrderedDict()
        self._nbytes = 0
        self._read: OrderedDict[tuple[Path, int, int], NDArray[np.uint8]] = OrderedDict()
        self._stale: set[int] = set()
        self._asked: set[int] = set()
        self._bad: set[int] = set()
        self._loader = FileLoader("thumbnails", self)
        self._loader.loaded.connect(self._loaded)
        self._loader.failed.connect(self._failed)

    @property
    def nbytes(self) -> int:
        """Bytes that the pictures hold."""
        return self._nbytes

    def get(self, record: ImageRecord) -> QPixmap | None:
        """The picture of an image as far as there is one; asks for it otherwise."""
        image = record.id
        found = self._made.get(image)
        if found is not None:
            self._made.move_to_end(image)
        if (found is None or image in self._stale) and image not in self._asked and image not in self._bad:
            self._ask(record)
        return found

    def _ask(self, record: ImageRecord) -> None:
        self._asked.add(record.id)
        self._stale.discard(record.id)
        path, overlay = self._path_of(record), self._overlay_of(record.id)

        def make() -> QImage:
            rgb = self._plain(path)
            return rgb_to_qimage(tint(rgb, overlay) if overlay is not None else rgb)

        self._loader.request(record.id, make)

    def _plain(self, path: Path) -> NDArray[np.uint8]:
        """A picture without labels, on the thread: a stroke changes those, and must not have the file read again."""
        try:
            found = path.stat()
            key = (path, found.st_mtime_ns, found.st_size)
        except OSError:
            return read_thumbnail(path, THUMB_PX)  # which says what is wrong
        rgb = self._read.pop(key, None)
        if rgb is None:
            rgb = read_thumbnail(path, THUMB_PX)
        self._read[key] = rgb
        while len(self._read) > _READ:
            self._read.popitem(last=False)
        return rgb

    def refresh(self, image: int) -> None:
        """The picture of an image is out of date; the old one is shown until the new one is there."""
        self._stale.add(image)
        self._bad.discard(image)
        self.ready.emit(image)

    def refresh_all(self) -> None:
        """All pictures are out of date."""
        self._stale.update(self._made)
        for image in list(self._made):
            self.ready.emit(image)

    def keep_only(self, visible: set[int]) -> None:
        """Drop requests for images that have scrolled out of sight."""
        self._loader.forget(lambda key: key not in visible)
        self._asked &= visible

    def clear(self) -> None:
        """Forget everything: another project."""
        self._loader.clear()
        self._made.clear()
        self._nbytes = 0
        self._stale.clear()
        self._asked.clear()
        self._bad.clear()

    def close(self) -> None:
        """End the thread."""
        self._loader.close()

    @Slot(object, object)
    def _loaded(self, image: int, picture: QImage) -> None:
        if image not in self._asked:
            return
        self._asked.discard(image)
        self._forget(image)
        self._made[image] = QPixmap.fromImage(picture)
        self._nbytes += _size(self._made[image])
        while self._nbytes > THUMB_BYTES and len(self._made) > 1:
            self._forget(next(iter(self._made)))
        self.ready.emit(image)

    @Slot(object, str)
    def _failed(self, image: int, error: str) -> None:
        self._asked.discard(image)
        self._bad.add(image)
        self.failed.emit(image, error)

    def _forget(self, image: int) -> None:
        picture = self._made.pop(image, None)
        if picture is not None:
            self._nbytes -= _size(picture)


def _size(picture: QPixmap) -> int:
    return picture.width() * picture.height() * picture.depth() // 8
