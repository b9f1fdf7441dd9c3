"""What there is to learn from: the images whose labels a person stands for, and the requests that are made of them."""

from __future__ import annotations

from counterpart.core.errors import CounterpartError
from counterpart.core.project.document import Document
from counterpart.core.project.tiles import PackedLabels
from counterpart.desktop.learn.learn_jobs import LearnRequest
from counterpart.desktop.workbench import Workbench

PREVIEWED = 400
"""Most images whose preview is worked out when it is asked for. Keeping an update does them all."""
_TEACHES = ("edited", "reviewed")
"""States of images whose labels a person stands for."""


class Lessons:
    """Knows which images teach.

    Args:
        bench: What rooms share.
    """

    def __init__(self, bench: Workbench) -> None:
        self._bench = bench
        self._teaching: set[int] = set()

    def reset(self, document: Document | None) -> None:
        """Another project, or none."""
        records = document.images() if document is not None else ()
        self._teaching = {record.id for record in records if record.state in _TEACHES}

    def update(self, document: Document, images: tuple[int, ...]) -> None:
        """The review states of some images changed."""
        for image in images:
            self._teaching.discard(image)
            if state_of(document, image) in _TEACHES:
                self._teaching.add(image)

    @property
    def any(self) -> bool:
        """Whether some image teaches."""
        return bool(self._teaching)

    def versions(self, document: Document) -> object:
        """What is taught, to be compared: it is another value once a label of a teaching image changed."""
        return tuple((image, document.image_revision(image, "labels")) for image in sorted(self._teaching))

    def request(self, *, limit: int | None = None, compare: bool = False) -> LearnRequest | None:
        """What to learn from now, and for whom; None where there is nothing.

        Args:
            limit: Most images to predict, those on screen first.
            compare: Whether their labels as they are now are wanted as well.
        """
        document, choice = self._bench.document, self._bench.models.choice
        if document is None or choice is None:
            return None
        records = [record for record in document.images() if record.state != "skipped"]
        given: dict[int, tuple[PackedLabels, object]] = {}
        for record in records:
            if record.id in self._teaching:
                packed = packed_labels(document, record.id)
                if packed is None and record.state == "reviewed" and record.height and record.width:
                    packed = PackedLabels((record.height, record.width), {}, {})  # reviewed: there is no part in it
                if packed is not None:
                    given[record.id] = (packed, document.image_revision(record.id, "labels"))
        if not given:
            return None
        open_ones = [record.id for record in records if record.id not in self._teaching]
        known = set(open_ones)
        order = [image for image in dict.fromkeys((*self._on_screen(), *open_ones)) if image in known]
        wanted = tuple(order[:limit])
        present = {image: packed_labels(document, image) for image in wanted} if compare else {}
        refs = {record.id: document.image_ref(record.id) for record in records}
        return LearnRequest(choice, refs, given, wanted, present, {part.id: part.name for part in document.parts})

    def _on_screen(self) -> list[int]:
        """Images that can be seen, those shown large first."""
        shown = [self._bench.viewer.image(pane) for pane in range(self._bench.canvas.count)]
        return [image for image in (*shown, *self._bench.images.visible_images()) if image]


def packed_labels(document: Document, image: int) -> PackedLabels | None:
    """The labels of an image; damaged ones count as none, the document has said so."""
    try:
        return document.packed_labels(image)
    except CounterpartError:
        return None


def state_of(document: Document, image: int) -> str:
    """The review state of an image, empty where it was removed."""
    try:
        return document.image(image).state
    except KeyError:  # it went with this change
        return ""
