"""The menu beside the search: in which order the images are listed, and which by part and doubt."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TypeVar

from PySide6.QtCore import QSize, Signal, Slot
from PySide6.QtGui import QAction, QActionGroup
from PySide6.QtWidgets import QMenu, QToolButton, QWidget

from counterpart.core.project.model import PartLabel
from counterpart.desktop.widgets.icons import icon, swatch

_T = TypeVar("_T")
SORTS: tuple[tuple[str, str], ...] = (("name", "Name"), ("state", "State"), ("doubt", "Doubt, most first"))
_DOUBTS = (0.25, 0.5, 0.75)
WITH, WITHOUT, NOTHING = "with", "without", "nothing"


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images are rows.

    Attributes:
        text: What their name contains, in any case.
        state: Their review state, or `missing` or `unreadable`; empty for any.
        only: These alone; None for all.
        but: All but these; None for all.
        doubt: How doubtful their prediction is at least; None for any.
    """

    text: str = ""
    state: str = ""
    only: Collection[int] | None = None
    but: Collection[int] | None = None
    doubt: float | None = None


class FilterButton(QToolButton):
    """Opens the menu; lit while images are filtered or sorted otherwise than by name.

    Signals:
        changed: Something else was chosen.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("quiet")
        self.setProperty("icon_name", "filter")
        self.setIcon(icon("filter"))
        self.setIconSize(QSize(16, 16))
        self.setToolTip("Sort and filter the list")
        self.setAccessibleName("Sort and filter the list")
        self.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.setCheckable(True)
        self.sort = "name"
        self.doubt: float | None = None
        self.kind, self.part = "", 0
        self._parts: tuple[PartLabel, ...] = ()
        self._menu = QMenu(self)
        self._menu.aboutToShow.connect(self._fill)
        self._menu.aboutToHide.connect(self._light)
        self.setMenu(self._menu)

    # Parts --------------------------------------------------------------------------------------------------------

    @Slot(object)
    def set_parts(self, parts: Sequence[PartLabel]) -> None:
        """The parts that can be chosen from; a filter for one that is gone goes too."""
        self._parts = tuple(parts)
        if self.kind in (WITH, WITHOUT) and all(part.id != self.part for part in parts):
            self.choose_part("", 0)

    # What is chosen -----------------------------------------------------------------------------------------------

    def choose_sort(self, sort: str) -> None:
        """Sort by `name`, `state` or `doubt`."""
        self.sort = sort
        self._tell()

    def choose_doubt(self, doubt: float | None) -> None:
        """List only images at least that doubtful; None for all."""
        self.doubt = doubt
        self._tell()

    def choose_part(self, kind: str, part: int) -> None:
        """List images `with` or `without` a part, with `nothing`, or, for an empty kind, all."""
        self.kind, self.part = kind, part
        self._tell()

    @Slot()
    def clear_filter(self) -> None:
        """List all again; the order stays."""
        self.kind, self.part, self.doubt = "", 0, None
        self._tell()

    def describe(self) -> str:
        """What is filtered, in words; empty when nothing is."""
        name = next((part.name for part in self._parts if part.id == self.part), "")
        words = {WITH: f"with {name}", WITHOUT: f"without {name}", NOTHING: "without any part"}
        found = [words[self.kind]] if self.kind else []
        if self.doubt is not None:
            found.append(f"doubt ≥ {self.doubt:.0%}")
        return " · ".join(found)

    def _tell(self) -> None:
        self._light()
        self.changed.emit()

    @Slot()
    def _light(self) -> None:
        self.setChecked(bool(self.describe()) or self.sort != "name")

    # The menu -----------------------------------------------------------------------------------------------------

    @Slot()
    def _fill(self) -> None:
        menu = self._menu
        menu.clear()
        menu.addAction("Sort by").setEnabled(False)
        self._choices(menu, [(title, sort, sort == self.sort) for sort, title in SORTS], self.choose_sort)
        menu.addSeparator()
        menu.addAction("Show only").setEnabled(False)
        for kind, title in ((WITH, "With a part"), (WITHOUT, "Without a part")):
            inner = menu.addMenu(title)
            inner.setEnabled(bool(self._parts))
            for part in self._parts:
                action = inner.addAction(swatch(part.colour), part.name)
                action.setCheckable(True)
                action.setChecked((self.kind, self.part) == (kind, part.id))
                action.triggered.connect(lambda _on=False, kind=kind, part=part.id: self.choose_part(kind, part))
        none = menu.addAction("Without any part")
        none.setCheckable(True)
        none.setChecked(self.kind == NOTHING)
        none.triggered.connect(lambda on: self.choose_part(NOTHING if on else "", 0))
        inner = menu.addMenu("Doubtful")
        doubts = [(f"{doubt:.0%} or more", doubt, doubt == self.doubt) for doubt in _DOUBTS]
        self._choices(inner, doubts, self.choose_doubt)
        menu.addSeparator()
        clear = menu.addAction("Show all")
        clear.setEnabled(bool(self.describe()))
        clear.triggered.connect(self.clear_filter)

    def _choices(self, menu: QMenu, entries: Sequence[tuple[str, _T, bool]], choose: Callable[[_T], object]) -> None:
        group = QActionGroup(menu)
        for title, value, on in entries:
            action = QAction(title, menu)
            action.setCheckable(True)
            action.setChecked(on)
            action.triggered.connect(lambda _on=False, value=value: choose(value))
            group.addAction(action)
            menu.addAction(action)

    def retint(self) -> None:
        """Follow a change of theme."""
        self.setIcon(icon("filter"))
