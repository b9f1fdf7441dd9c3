"""The instances of one image as a Qt table: a row for each instance, and for the active one a row per keypoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QColor, QFont

from counterpart.core.project.points import KeypointSet, Origin, Skeleton, Visibility
from counterpart.desktop.keypoints.instance_drawing import point_colours
from counterpart.desktop.widgets.icons import icon, swatch
from counterpart.desktop.widgets.table_model import Index, TableModel
from counterpart.desktop.widgets.theme import colours

COLOUR, NAME, STATE, SCORE = range(4)
_HEADERS = ("", "Keypoint", "State", "Sure")
_TIPS = (
    "Its colour: left blue, right pink, middle yellow, unless the skeleton says otherwise",
    "Click one to place it next",
    "Right-click the point in the image to change how far it is seen",
    "Chance that a transferred point is right",
)


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """What a row stands for.

    Attributes:
        instance: The instance; 0 for one that begins with the next click.
        index: The keypoint, -1 for the row of the instance itself.
    """

    instance: int
    index: int


def state_words(points: KeypointSet, index: int) -> str:
    """What is known of a point, for a person."""
    visibility = int(points.visibility[index])
    placed = bool(np.isfinite(points.xy[index]).all())
    if points.origin[index] == Origin.TRANSFERRED and visibility:
        return "Doubtful" if visibility == Visibility.OCCLUDED else "Predicted"
    if visibility == Visibility.VISIBLE:
        return "Confirmed" if points.origin[index] == Origin.CONFIRMED else "Visible"
    if visibility == Visibility.OCCLUDED:
        return "Hidden"
    return "Absent" if placed else "–"


class KeypointsModel(TableModel):
    """Rows of the instances; only the active one shows its keypoints."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(_HEADERS, _TIPS, (SCORE,), parent)
        self._instances: list[KeypointSet] = []
        self._skeletons: dict[int, Skeleton] = {}
        self._colours: dict[int, list[QColor]] = {}
        self._rows: list[InstanceRow] = []
        self._active, self._next = 0, -1

    def show(
        self, instances: Sequence[KeypointSet], skeletons: Mapping[int, Skeleton], active: int, following: int
    ) -> None:
        """Show these instances; `following` is the keypoint of the active one that a click places next."""
        rows: list[InstanceRow] = []
        for points in instances:
            rows.append(InstanceRow(points.instance, -1))
            if points.instance == active:
                rows += [InstanceRow(points.instance, index) for index in range(len(points))]
        same = rows == self._rows
        if not same:
            self.beginResetModel()
        self._instances, self._skeletons = list(instances), dict(skeletons)
        self._colours = {number: point_colours(skeleton) for number, skeleton in skeletons.items()}
        self._rows, self._active, self._next = rows, active, following
        if same and rows:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, SCORE))
        elif not same:
            self.endResetModel()

    def row(self, row: int) -> InstanceRow | None:
        """What a row stands for."""
        return self._rows[row] if 0 <= row < len(self._rows) else None

    def row_of(self, instance: int, index: int) -> int:
        """Row of a keypoint or, for -1, of an instance; -1 when it is not listed."""
        wanted = InstanceRow(instance, index)
        return self._rows.index(wanted) if wanted in self._rows else -1

    def points(self, instance: int) -> KeypointSet | None:
        """The points of an instance."""
        return next((each for each in self._instances if each.instance == instance), None)

    # Qt -----------------------------------------------------------------------------------------------------

    def row_total(self) -> int:
        return len(self._rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row = self._rows[index.row()]
        points = self.points(row.instance)
        assert points is not None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return self.alignment(index.column())
        if row.index < 0:
            return self._header(points, index.column(), role)
        return self._point(points, row.index, index.column(), role)

    def _header(self, points: KeypointSet, column: int, role: int) -> Any:
        if role == Qt.ItemDataRole.DisplayRole:
            number = self._instances.index(points) + 1
            skeleton = self._skeletons[points.skeleton]
            name = skeleton.name.replace("_", " ")
            placed = f"{int(points.present.sum())} of {len(points)}"
            return {NAME: f"{name[:1].upper()}{name[1:]} {number}", STATE: placed}.get(column)
        if role == Qt.ItemDataRole.FontRole:
            font = QFont()
            font.setWeight(QFont.Weight.DemiBold)
            return font
        if role == Qt.ItemDataRole.DecorationRole and column == COLOUR:
            return icon("chevron-down" if points.instance == self._active else "chevron-right", colours().muted)
        if role == Qt.ItemDataRole.DecorationRole and column == SCORE and points.template:
            return icon("pin", colours().accent)
        if role == Qt.ItemDataRole.ToolTipRole and column == SCORE and points.template:
            return "Template: its points are transferred to other images"
        return None

    def _point(self, points: KeypointSet, number: int, column: int, role: int) -> Any:
        theme = colours()
        words = state_words(points, number)
        if role == Qt.ItemDataRole.DisplayRole:
            score = f"{points.score[number]:.0%}" if points.origin[number] == Origin.TRANSFERRED else ""
            name = self._skeletons[points.skeleton].names[number]
            return {NAME: name, STATE: words, SCORE: score if points.visibility[number] else ""}.get(column)
        if role == Qt.ItemDataRole.DecorationRole and column == COLOUR:
            colour = self._colours[points.skeleton][number]
            return swatch((colour.red(), colour.green(), colour.blue()), 12)
        if role == Qt.ItemDataRole.ForegroundRole:
            if words == "Doubtful":
                return QColor(theme.warning)
            return QColor(theme.faint if words in ("–", "Absent") else theme.text)
        if role == Qt.ItemDataRole.BackgroundRole and number == self._next and points.instance == self._active:
            tone = QColor(theme.accent)
            tone.setAlphaF(0.22)
            return tone
        if role == Qt.ItemDataRole.ToolTipRole and number == self._next and points.instance == self._active:
            return "A click in the image places this one"
        return None
