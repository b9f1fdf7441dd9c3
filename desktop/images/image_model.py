"""The list of images as a Qt model: holds records, filters them, and stays quick with a hundred thousand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any

from PySide6.QtCore import QAbstractListModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QImage

from counterpart.core.project.model import IMAGE_STATES, ImageRecord
from counterpart.desktop.canvas.grid_paint import GridPaint
from counterpart.desktop.canvas.pane import Heat, heat_picture
from counterpart.desktop.images.image_filter import ImageFilter
from counterpart.desktop.images.image_words import MISSING, STATE_NAMES, describe, reason

_MANY = 64
_HEAT_PX = 72
Index = QModelIndex | QPersistentModelIndex
_ROOT = QModelIndex()


class Roles(IntEnum):
    """What a row offers besides its name."""

    RECORD = Qt.ItemDataRole.UserRole + 1
    PROBLEM = Qt.ItemDataRole.UserRole + 2
    THUMBNAIL = Qt.ItemDataRole.UserRole + 3
    SIDE = Qt.ItemDataRole.UserRole + 4
    HEAT = Qt.ItemDataRole.UserRole + 5


class ImageModel(QAbstractListModel):
    """Images in the order they are given, of which those that pass the filter are rows.

    Args:
        thumbnail: Gives the picture of an image for the delegate, or None while it is being made.
        parent: Owner.
    """

    counts_changed = Signal()

    def __init__(self, thumbnail: Callable[[ImageRecord], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._thumbnail = thumbnail
        self._records: dict[int, ImageRecord] = {}
        self._counts: Counter[str] = Counter()
        self._order: list[int] = []
        self._place: dict[int, int] = {}
        self._rows: list[int] = []
        self._row_of: dict[int, int] = {}
        self._problems: dict[int, str] = {}
        self._missing: frozenset[int] = frozenset()
        self._sides: dict[int, str] = {}
        self._heats: dict[int, Heat | GridPaint] = {}
        self._heat_pictures: dict[int, QImage] = {}
        self._filter = ImageFilter()
        self._sort = "name"

    # Content ------------------------------------------------------------------------------------------------

    def set_records(self, records: Iterable[ImageRecord]) -> None:
        """Show other images."""
        self.beginResetModel()
        self._records = {record.id: record for record in records}
        self._counts = Counter(record.state for record in self._records.values())
        self._order = list(self._records)
        self._place = {image: place for place, image in enumerate(self._order)}
        self._problems = {key: text for key, text in self._problems.items() if key in self._records}
        self._apply_filter()
        self.endResetModel()
        self.counts_changed.emit()

    def update_records(self, records: Iterable[ImageRecord]) -> None:
        """Take newer versions of images that are in the list. Rows stay where they are until the filter changes."""
        rows: list[int] = []
        for record in records:
            if record.id not in self._records:
                continue
            self._counts[self._records[record.id].state] -= 1
            self._counts[record.state] += 1
            self._records[record.id] = record
            rows.append(self._row_of.get(record.id, -1))
        self._touch_rows([row for row in rows if row >= 0])
        self.counts_changed.emit()

    def _touch_rows(self, rows: Sequence[int]) -> None:
        """Rows look different now; many of them are told as one stretch."""
        if len(rows) > _MANY:
            self.dataChanged.emit(self.index(min(rows)), self.index(max(rows)))
            return
        for row in rows:
            self.dataChanged.emit(self.index(row), self.index(row))

    def set_problem(self, image: int, text: str) -> None:
        """Mark an image as unreadable, with the reason; an empty reason takes the mark away."""
        record = self._records.get(image)
        if record is None:  # its thumbnail was on the way while it was removed
            return
        text = reason(text, record.path)
        if self._problems.get(image, "") == text:
            return
        if text:
            self._problems[image] = text
        else:
            self._problems.pop(image, None)
        self.touch(image)
        self.counts_changed.emit()

    def set_missing(self, images: Iterable[int]) -> None:
        """Mark the images whose files are not where the project says, and no others."""
        missing = frozenset(images)
        changed = missing ^ self._missing
        if not changed:
            return
        self._missing = missing
        self._touch_rows([row for row in (self._row_of.get(image, -1) for image in changed) if row >= 0])
        self.counts_changed.emit()

    def set_sides(self, sides: dict[int, str]) -> None:
        """Mark the images that are shown left and right."""
        changed = set(self._sides) | set(sides)
        self._sides = dict(sides)
        for image in changed:
            self.touch(image)

    def set_heats(self, heats: Mapping[int, Heat | GridPaint]) -> None:
        """Lay maps of numbers or colours over thumbnails; a map becomes a picture when its row is seen."""
        changed = set(self._heats) | set(heats)
        self._heats = dict(heats)
        self._heat_pictures.clear()
        for image in changed:
            self.touch(image)

    def touch(self, image: int) -> None:
        """The row of an image looks different now."""
        row = self._row_of.get(image)
        if row is not None:
            index = self.index(row)
            self.dataChanged.emit(index, index)

    # Asking -------------------------------------------------------------------------------------------------

    @property
    def total(self) -> int:
        """Number of images, whether shown or not."""
        return len(self._order)

    @property
    def images(self) -> Sequence[int]:
        """All images in order, whether shown or not."""
        return self._order

    @property
    def shown(self) -> Sequence[int]:
        """The images that pass the filter, in order."""
        return self._rows

    def record(self, image: int) -> ImageRecord | None:
        """The record of an image."""
        return self._records.get(image)

    def problem(self, image: int) -> str:
        """Why an image is unreadable, empty when it is not."""
        return MISSING if image in self._missing else self._problems.get(image, "")

    def row(self, image: int) -> int:
        """Row of an image, -1 when it is filtered away."""
        return self._row_of.get(image, -1)

    def neighbour(self, image: int, step: int, wanted: Callable[[ImageRecord], bool] | None = None) -> int | None:
        """The next image among the rows in a direction for which a test holds, or None at the end of the list."""
        row = self._row_of.get(image)
        if row is None:
            row = self._gap(image)
            row = row - 1 if step > 0 else row
        row += step
        while 0 <= row < len(self._rows):
            if wanted is None or wanted(self._records[self._rows[row]]):
                return self._rows[row]
            row += step
        return None

    def _gap(self, image: int) -> int:
        """Row before which an image that was filtered away meanwhile would be."""
        if image not in self._records:
            return 0
        key = self._sort_key()
        mine = (key(image), self._place[image])
        return sum((key(each), self._place[each]) < mine for each in self._rows)

    def counts(self) -> dict[str, int]:
        """Images by state, and `unreadable`."""
        return {
            **{state: self._counts[state] for state in IMAGE_STATES},
            "unreadable": len(self._problems.keys() - self._missing),
            "missing": len(self._missing),
        }

    def place(self, image: int) -> int:
        """Place of an image among all, from 0; -1 when it is not there."""
        return self._place.get(image, -1)

    # Filter -------------------------------------------------------------------------------------------------

    def set_filter(self, wanted: ImageFilter, sort: str = "name") -> None:
        """Show only images that pass, sorted by `name`, `state` or `doubt` (the most doubtful first)."""
        if (wanted, sort) == (self._filter, self._sort):
            return
        self._filter, self._sort = wanted, sort
        self.beginResetModel()
        self._apply_filter()
        self.endResetModel()
        self.counts_changed.emit()

    def _apply_filter(self) -> None:
        wanted = self._filter
        rows: Iterable[int] = self._order
        if wanted.text:
            text = wanted.text.casefold()
            rows = [image for image in rows if text in self._records[image].name.casefold()]
        if wanted.state:
            rows = [image for image in rows if self._in_state(image, wanted.state)]
        if wanted.only is not None:
            rows = [image for image in rows if image in wanted.only]
        if wanted.but is not None:
            rows = [image for image in rows if image not in wanted.but]
        if wanted.doubt is not None:
            rows = [image for image in rows if _doubt(self._records[image]) >= wanted.doubt]
        self._rows = self._sorted(rows)
        self._row_of = {image: row for row, image in enumerate(self._rows)}

    def _sorted(self, rows: Iterable[int]) -> list[int]:
        """Rows in the order that is wanted; among equals they stay in that of their names."""
        return list(rows) if self._sort == "name" else sorted(rows, key=self._sort_key())

    def _sort_key(self) -> Callable[[int], float]:
        """What images are sorted by, the least first."""
        records = self._records
        if self._sort == "state":
            rank = {state: number for number, state in enumerate(IMAGE_STATES)}
            return lambda image: rank[records[image].state]
        if self._sort == "doubt":
            return lambda image: -_doubt(records[image])
        return self._place.__getitem__

    def _in_state(self, image: int, state: str) -> bool:
        if state == "missing":
            return image in self._missing
        if state == "unreadable":
            return image in self._problems and image not in self._missing
        return self._records[image].state == state

    # Qt -----------------------------------------------------------------------------------------------------

    def rowCount(self, parent: Index = _ROOT) -> int:
        return 0 if parent.isValid() else len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid() or index.row() >= len(self._rows):
            return None
        image = self._rows[index.row()]
        record = self._records[image]
        if role == Qt.ItemDataRole.DisplayRole:
            return record.name
        if role == Qt.ItemDataRole.ToolTipRole:
            return describe(record, self.problem(image))
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{record.name}, {self.problem(image) or STATE_NAMES[record.state]}"
        if role == Roles.RECORD:
            return record
        if role == Roles.PROBLEM:
            return self.problem(image)
        if role == Roles.THUMBNAIL:
            return self._thumbnail(record)
        if role == Roles.SIDE:
            return self._sides.get(image, "")
        if role == Roles.HEAT:
            return self._heat_picture(image)
        return None

    def _heat_picture(self, image: int) -> QImage | None:
        heat = self._heats.get(image)
        if heat is None:
            return None
        if image not in self._heat_pictures:
            self._heat_pictures[image] = heat_picture(heat, _HEAT_PX)
        return self._heat_pictures[image]


def _doubt(record: ImageRecord) -> float:
    """How doubtful an image is; what a person has dealt with is not."""
    return -1.0 if record.doubt is None or record.state in ("reviewed", "skipped") else record.doubt
