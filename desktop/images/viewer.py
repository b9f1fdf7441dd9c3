"""What the canvas shows: the photographs of the current images, and the document's labels over them."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from PySide6.QtCore import QObject, QTimer, Signal, Slot

from counterpart.core.errors import CounterpartError
from counterpart.core.folders import stamp
from counterpart.core.images.reading import read_image
from counterpart.core.project.aside import other_picture
from counterpart.core.project.document import Document
from counterpart.core.project.model import LabelMap, Labels
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.compositor import LabelStyle, PartStyle
from counterpart.desktop.canvas.photo import Photo, build_photo
from counterpart.desktop.images.image_words import reason
from counterpart.desktop.jobs.file_loader import FileLoader
from counterpart.desktop.shell.settings import Settings

Stamp = tuple[int, ...] | None
PHOTO_BYTES = 600 * 1024 * 1024
_PATIENCE_MS = 250


@dataclass(frozen=True, slots=True)
class _Look:
    """A question to the loader: what is the file of an image now?"""

    image: int


class _Read(NamedTuple):
    """A photograph, and the stamp of the file that it was read from."""

    photo: Photo
    stamp: Stamp


class Viewer(QObject):
    """Loads photographs beside the window and keeps the canvas in step with the document.

    Attributes:
        covering: Gives what a gesture has made of the labels of an image so far, None where none is at work on it.

    Signals:
        shown: Pane and image that it now shows, 0 for none.
        unreadable: Image and why it cannot be read, empty when it can.
        replaced: What came of noting an image's file, where it is another one than it was: an `Outcome` of `NoteFacts`.
    """

    shown = Signal(int, int)
    unreadable = Signal(int, str)
    replaced = Signal(object)

    def __init__(self, canvas: Canvas, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._canvas = canvas
        self._settings = settings
        self._document: Document | None = None
        self._photos: OrderedDict[int, Photo] = OrderedDict()
        self._stamps: dict[int, Stamp] = {}
        self._images = [0, 0]
        self._emphasis = 0
        self._maps: list[LabelMap | None] = [None, None]
        self.covering: Callable[[int], Labels | None] = lambda _image: None
        self._loader = FileLoader("photos", self)
        self._loader.loaded.connect(self._loaded)
        self._loader.failed.connect(self._failed)
        self._patience = QTimer(self)
        self._patience.setSingleShot(True)
        self._patience.setInterval(_PATIENCE_MS)
        self._patience.timeout.connect(self._say_loading)
        settings.changed.connect(self.restyle)

    def set_document(self, document: Document | None) -> None:
        """Show nothing of the old document any more."""
        self._document = document
        self._loader.clear()
        self._photos.clear()
        self._stamps.clear()
        self._images = [0, 0]
        self._maps = [None, None]
        for pane in (0, 1):
            self._canvas.set_photo(pane, None, 0)
            self._canvas.panes[pane].title = ""

    def close(self) -> None:
        """End the thread."""
        self._patience.stop()
        self._loader.close()

    # Images -------------------------------------------------------------------------------------------------

    def image(self, pane: int) -> int:
        """The image that a pane shows or is about to show, 0 for none."""
        return self._images[pane]

    def label_map(self, pane: int) -> LabelMap | None:
        """The labels of the image in a pane."""
        return self._maps[pane]

    def show(self, pane: int, image: int) -> None:
        """Show an image in a pane. The old one stays until the new one is read, unless that takes long."""
        if self._document is None or self._images[pane] == image:
            return
        self._canvas.leave_image(pane)
        self._images[pane] = image
        if image == 0:
            self._maps[pane] = None
            self._canvas.panes[pane].title = ""
            self._canvas.set_labels(pane, None)
            self._canvas.set_photo(pane, None, 0)
            self.shown.emit(pane, 0)
            return
        photo = self._photos.get(image)
        if photo is not None:
            self._photos.move_to_end(image)
            self._put(pane, image, photo)
            self._look(image)
        else:
            self._ask(image, urgent=True)
            self._patience.start()

    def reload(self, image: int) -> None:
        """Read an image anew: its file is elsewhere, or another one, now."""
        self._photos.pop(image, None)
        if self._document is not None and image in self._images:
            self._ask(image, urgent=True, again=True)
            self._patience.start()

    @Slot()
    def look_again(self) -> None:
        """See whether the files of the images that are shown are still the ones that were read."""
        for image in set(self._images) & self._photos.keys():
            self._look(image)

    def _look(self, image: int) -> None:
        """Look at a file beside the window, for its disk may be far away; one that was replaced is read anew."""
        if self._document is not None:
            path = self._document.image_path(image)
            self._loader.request(_Look(image), lambda: stamp(path))

    def show_anew(self, image: int) -> None:
        """What an image's labels belong to is another picture now, or is what is shown again."""
        self.refresh_labels(image)
        for pane in (0, 1):
            if image and self._images[pane] == image and self._canvas.panes[pane].photo is not None:
                self.shown.emit(pane, image)

    def other_picture(self, image: int) -> str:
        """What is said of an image whose labels belong to a picture of another size; empty for all others."""
        document = self._document
        if document is None or not _has(document, image):
            return ""
        record, aside, photo = document.image(image), document.aside(image), self._photos.get(image)
        if aside is not None:
            return other_picture(record.name, aside.hw, document.annotated_hw(image) or record.hw)
        if photo is None or photo.hw == record.hw:
            return ""
        was = document.annotated_hw(image)  # the project cannot be written, or does not know the file yet
        return "" if was is None or was == photo.hw else other_picture(record.name, photo.hw, was)

    def prefetch(self, images: list[int]) -> None:
        """Read images that will probably be wanted next."""
        for image in images:
            if image and image not in self._photos:
                self._ask(image, urgent=False)

    def _ask(self, image: int, *, urgent: bool, again: bool = False) -> None:
        assert self._document is not None
        path = self._document.image_path(image)

        def load() -> _Read:
            mark = stamp(path)  # before it is read: what is put in its place meanwhile has another
            data = read_image(path, samples=True)
            return _Read(build_photo(data.rgb, data.sha256, data.samples, data.note), mark)

        if urgent:
            wanted = set(self._images)
            self._loader.forget(lambda key: isinstance(key, int) and key not in wanted)
        self._loader.request(image, load, urgent=urgent, again=again)

    @Slot(object, object)
    def _loaded(self, key: int | _Look, found: _Read | Stamp) -> None:
        if isinstance(key, int):
            assert isinstance(found, _Read)
            self._have(key, found.photo, found.stamp)
        elif key.image in self._photos and found != self._stamps.get(key.image):
            self.reload(key.image)

    def _have(self, image: int, photo: Photo, mark: Stamp) -> None:
        document = self._document
        if document is None or not _has(document, image):
            return
        self._photos[image] = photo
        self._stamps[image] = mark
        while len(self._photos) > 2 and sum(each.nbytes for each in self._photos.values()) > PHOTO_BYTES:
            self._stamps.pop(self._photos.popitem(last=False)[0], None)
        record = document.image(image)
        height, width = photo.hw
        size_bytes = record.size_bytes if mark is None else mark[0]
        known = dataclasses.replace(record, sha256=photo.sha256, width=width, height=height, size_bytes=size_bytes)
        if known != record or document.aside(image) is not None:
            outcome = document.note_facts([known])
            if outcome.changed or outcome.skipped:
                self.replaced.emit(outcome)
        self.unreadable.emit(image, "")
        for pane in (0, 1):
            if self._images[pane] == image:
                self._put(pane, image, photo)

    @Slot(object, str)
    def _failed(self, key: int | _Look, error: str) -> None:
        if not isinstance(key, int):
            return  # the folder is gone; who looks for missing images says so
        image = key
        document = self._document
        if document is None or not _has(document, image):
            return
        self.unreadable.emit(image, error)
        record = document.image(image)
        for pane in (0, 1):
            if self._images[pane] == image:
                words = f"{record.name}\n{reason(error, record.path)}"
                self._canvas.set_photo(pane, None, image, message=words)
                self._maps[pane] = None
                self._name(pane, image)
                self.shown.emit(pane, image)

    @Slot()
    def _say_loading(self) -> None:
        for pane in (0, 1):
            image = self._images[pane]
            if image and image not in self._photos and self._canvas.panes[pane].image_key != image:
                self._canvas.set_photo(pane, None, 0, message="Loading …")

    def _put(self, pane: int, image: int, photo: Photo) -> None:
        keep = self._canvas.panes[pane].photo is not None
        self._canvas.set_photo(pane, photo, image, keep_view=keep)
        self._name(pane, image)
        self.refresh_labels(image)
        self.shown.emit(pane, image)

    def _name(self, pane: int, image: int) -> None:
        assert self._document is not None
        self._canvas.panes[pane].title = self._document.image(image).name
        self._canvas.update()

    def content(self, image: int) -> str:
        """Hash of the photograph that is shown as an image, empty while it is not read."""
        for pane in self._canvas.panes:
            if image and pane.image_key == image and pane.photo is not None:
                return pane.photo.sha256
        photo = self._photos.get(image)
        return photo.sha256 if photo is not None else ""

    def photo(self, pane: int) -> Photo | None:
        """The photograph in a pane."""
        return self._canvas.panes[pane].photo

    # Labels -------------------------------------------------------------------------------------------------

    def refresh_labels(self, image: int, box: tuple[int, int, int, int] | None = None) -> None:
        """The labels of an image changed, within a box (top, left, bottom, right) where that is known."""
        if self._document is None:
            return
        for pane in (0, 1):
            if self._images[pane] != image or self._canvas.panes[pane].photo is None:
                continue
            try:
                found = None if self.other_picture(image) else self._document.label_map(image)
            except CounterpartError as error:
                found = None
                self.unreadable.emit(image, str(error))
            before = self._maps[pane]
            self._maps[pane] = found
            labels = self.covering(image)
            if labels is None and found is not None:
                labels = found.labels
            if box is not None and before is not None and found is not None and before.hw == found.hw:
                top, left, bottom, right = box
                self._canvas.panes[pane].labels = labels
                self._canvas.labels_changed(pane, left, top, right, bottom)
            else:
                self._canvas.set_labels(pane, labels)
            self._style(pane)

    @Slot()
    def restyle(self) -> None:
        """Parts or preferences changed: draw the labels anew."""
        for pane in (0, 1):
            self._style(pane)

    @Slot(int)
    def emphasise(self, part: int) -> None:
        """Make a part stand out, 0 for none."""
        if part != self._emphasis:
            self._emphasis = part
            self.restyle()

    def _style(self, pane: int) -> None:
        if self._document is None:
            return
        found = self._maps[pane]
        looks = {
            part.id: PartStyle(part.colour, part.visible, found is not None and found.state(part.id) == "predicted")
            for part in self._document.parts
        }
        preferences = self._settings.preferences
        line = max(round(self._canvas.devicePixelRatioF()), 1)
        style = LabelStyle(looks, preferences.overlay_opacity, preferences.overlay_fill, self._emphasis, line)
        self._canvas.set_style(pane, style)


def _has(document: Document, image: int) -> bool:
    try:
        document.image(image)
    except KeyError:
        return False
    return True
