"""Everything that can be done from a menu, a button or a key: one record each, made into QActions here.

Each room of the window declares its own records, as a table that the formatter leaves alone. Menus, tool bars, the F1
sheet, enabling and tests read them; nobody repeats an id elsewhere to bind, enable or place it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from PySide6.QtCore import QObject, Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence

from counterpart.desktop.widgets.icons import icon

MENUS: dict[str, str] = {
    "File": "&File",
    "Edit": "&Edit",
    "View": "&View",
    "Images": "&Images",
    "Tools": "&Tools",
    "Part": "&Part",
    "Keypoints": "&Keypoints",
    "Run": "&Run",
    "Video": "Vi&deo",
    "Help": "&Help",
}
"""The menus from left to right, with their mnemonics."""

During = Literal["ends", "passes", "waits", "close", "give_up", "take_back", "restore", "nothing"]
"""What a command means while something is begun with the pointer.

`ends`: a drag ends first, with what is finished of it; then the command. `passes`: it does not touch the gesture.
`waits`: not while a button is down. The others are the gesture's own and go no further: `close`, `give_up`,
`take_back`, `restore`; `nothing`: it has no meaning meanwhile.
"""

_SECTIONS = ("File", "Edit", "View", "Images", "Tools", "Part", "Keypoints", "Run", "Pairs", "Video", "Help")


@dataclass(frozen=True, slots=True)
class Need:
    """What must hold for an action to be used.

    Attributes:
        holds: Whether it does now.
        reason: What a person reads where it does not.
    """

    holds: Callable[[], bool]
    reason: str


@dataclass(frozen=True, slots=True)
class Needs:
    """What most actions need, so that each says it in the same words.

    Attributes:
        project: Something is open.
        writable: It can be changed.
        pair: Two images are side by side.
    """

    project: Need
    writable: Need
    pair: Need

    @property
    def change(self) -> tuple[Need, ...]:
        """What an action needs that changes the project."""
        return (self.project, self.writable)


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.

    Attributes:
        id: Name in the program.
        text: Name for a person, with its menu mnemonic.
        section: Heading on the F1 sheet, and its menu where `menu` names no other.
        keys: Shortcuts, the first one is shown.
        icon: Name of its drawing, empty for none.
        help: One sentence for the tooltip, where the text does not say it all.
        do: What it does when it is triggered.
        switch: What it does when it is switched on or off.
        needs: What must hold for it to be used; the first that does not is the reason that is shown.
        place: Place in its menu; another hundred begins another group, below a line. 0: in no menu, keys alone.
        menu: Menu that it stands in, where that is not its section's.
        bar: Place on the tool bar above the canvas, as in a menu. 0: not there.
        tools: Place on the bar of tools. 0: not there.
        checkable: Whether it stays on.
        group: Actions of one group exclude each other.
        checked: Whether it is on at first; a function where something else than its button turns it on and off too.
        repeat: Whether a held key repeats it.
        during: What it means while something is begun with the pointer.
        words: Its text while it can be used, where that changes; `text` is shown else.
    """

    id: str
    text: str
    section: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    help: str = ""
    do: Callable[[], object] | None = None
    switch: Callable[[bool], object] | None = None
    needs: tuple[Need, ...] = ()
    place: int = 0
    menu: str = ""
    bar: int = 0
    tools: int = 0
    checkable: bool = False
    group: str = ""
    checked: bool | Callable[[], bool] = False
    repeat: bool = False
    during: During = "ends"
    words: Callable[[], str] | None = None


GESTURES: tuple[tuple[str, str, str], ...] = (
    ("Canvas", "Wheel", "Zoom at the pointer"),
    ("Canvas", "Space or middle button, drag", "Move the image"),
    ("Canvas", "H held", "Peek at the photograph without its overlay"),
    ("Canvas", "1 … 9", "Choose the part"),
    ("Shape tools", "Ctrl held", "Take away from the part"),
    ("Shape tools", "Alt, or Ctrl+Shift", "Keep only what lies inside"),
    ("Shape tools", "Shift held", "Add to the part"),
    ("Shape tools", "Shift with the wand", "Add a place to the region"),
    ("Brushes", "Ctrl held", "Erase"),
    ("Brushes", "Shift and click", "A straight line from the last stroke"),
    ("Timeline", "Click or drag", "Go to a frame"),
    ("Timeline", "Left, Right, Home, End; Shift for ten", "Step, while it has the focus"),
    ("Canvas", "Double-click", "Accept a match, or a predicted part of this image"),
)
"""What is done with the pointer or with many keys, for the F1 sheet: section, keys, what it does."""


class Actions(QObject):
    """All actions of a window, by id.

    Args:
        parent: Widget whose shortcuts they are.
        changed_keys: Shortcuts that the person changed, by action id.

    Attributes:
        gates: Asked in turn before anything is done, with what it means for a gesture; it is done where all agree.
    """

    def __init__(self, parent: QObject, changed_keys: dict[str, str] | None = None) -> None:
        super().__init__(parent)
        self._changed_keys = changed_keys or {}
        self._records: dict[str, Action] = {}
        self._made: dict[str, QAction] = {}
        self._said: dict[str, tuple[bool, str]] = {}
        self._groups: dict[str, QActionGroup] = {}
        self.gates: list[Callable[[During], bool]] = []

    def add(self, records: Iterable[Action]) -> None:
        """Make actions of a room's records.

        Raises:
            ValueError: Two have the same id.
        """
        for record in records:
            if record.id in self._made:
                raise ValueError(f"there are two actions {record.id!r}")
            self._records[record.id] = record
            self._made[record.id] = self._make(record, self._changed_keys.get(record.id))

    def _make(self, record: Action, changed: str | None) -> QAction:
        action = QAction(record.text, self)
        action.setObjectName(record.id)
        if record.icon:
            action.setIcon(icon(record.icon))
        keys = (changed,) if changed is not None else record.keys
        action.setShortcuts([QKeySequence(key) for key in keys if key])
        action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.setAutoRepeat(record.repeat)
        action.setToolTip(tooltip(record, keys))
        action.setStatusTip(record.help)
        action.setCheckable(record.checkable)
        if record.group:
            group = self._groups.setdefault(record.group, QActionGroup(self))
            group.addAction(action)
        if record.checkable:
            action.setChecked(record.checked is True)  # what depends on others is looked at by `refresh`
        do, switch = record.do, record.switch
        if do is not None:
            action.triggered.connect(lambda _checked=False: self._may(record) and do())
        if switch is not None:
            action.toggled.connect(switch)
        return action

    def _may(self, record: Action) -> bool:
        """Whether something is to be done now: what is begun with the pointer comes first."""
        return all(gate(record.during) for gate in self.gates)

    @property
    def records(self) -> tuple[Action, ...]:
        """What was declared, by section as on the F1 sheet, within it as in the menus."""
        order = {name: number for number, name in enumerate(_SECTIONS)}
        return tuple(sorted(self._records.values(), key=lambda each: (order[each.section], each.place or 10_000)))

    def in_menu(self, menu: str) -> list[tuple[int, QAction]]:
        """(place, action) of a menu from top to bottom."""
        found = [each for each in self._records.values() if each.place and (each.menu or each.section) == menu]
        return [(each.place, self._made[each.id]) for each in sorted(found, key=lambda each: each.place)]

    def on_bar(self) -> list[tuple[int, QAction]]:
        """(place, action) on the tool bar above the canvas from left to right."""
        found = sorted((each for each in self._records.values() if each.bar), key=lambda each: each.bar)
        return [(each.bar, self._made[each.id]) for each in found]

    def on_tools(self) -> list[tuple[int, QAction]]:
        """(place, action) on the bar of tools from top to bottom."""
        found = sorted((each for each in self._records.values() if each.tools), key=lambda each: each.tools)
        return [(each.tools, self._made[each.id]) for each in found]

    def keys_alone(self) -> list[QAction]:
        """Actions that stand nowhere and are reached by their keys."""
        return [
            self._made[each.id]
            for each in self._records.values()
            if not (each.place or each.bar or each.tools) and each.keys
        ]

    def __getitem__(self, name: str) -> QAction:
        return self._made[name]

    def __iter__(self) -> Iterator[QAction]:
        return iter(self._made.values())

    def keys(self, name: str) -> tuple[str, ...]:
        """Shortcuts of an action as they are written."""
        return tuple(
            key.toString(QKeySequence.SequenceFormat.NativeText) for key in self._made[name].shortcuts() if key.count()
        )

    def defaults(self, name: str) -> tuple[str, ...]:
        """Shortcuts of an action before anybody changed them."""
        return self._records[name].keys

    def owner(self, key: str) -> str:
        """The action that has a shortcut, empty for none."""
        wanted = QKeySequence(key)
        return next((name for name, made in self._made.items() if wanted in made.shortcuts()), "") if key else ""

    def set_keys(self, name: str, keys: tuple[str, ...] | None) -> None:
        """Give an action other shortcuts; None gives it its own again."""
        action, record = self._made[name], self._records[name]
        wanted = record.keys if keys is None else keys
        action.setShortcuts([QKeySequence(key) for key in wanted])
        action.setToolTip(tooltip(record, wanted))
        self._said.pop(name, None)

    def refresh(self) -> None:
        """Enable what can be done now, with the reason in the tooltip where it cannot, and turn on what is on."""
        known: dict[Need, bool] = {}
        for name, record in self._records.items():
            lacking = next((need for need in record.needs if not _holds(need, known)), None)
            self._enable(name, lacking is None, "" if lacking is None else lacking.reason)
            if callable(record.checked):
                self._made[name].setChecked(record.checked())
            if record.words is not None:
                self._made[name].setText(record.words() if lacking is None else record.text)

    def _enable(self, name: str, enabled: bool, reason: str) -> None:
        action = self._made[name]
        if self._said.get(name) == (enabled, reason) and action.isEnabled() == enabled:
            return  # asked after every change, though it rarely is another answer
        self._said[name] = (enabled, reason)
        action.setEnabled(enabled)
        base = tooltip(self._records[name], [key.toString() for key in action.shortcuts()])
        action.setToolTip(base if enabled or not reason else f"{base}<br>{reason}")

    def retint(self) -> None:
        """Draw the icons anew after a change of theme."""
        for record in self._records.values():
            if record.icon:
                self._made[record.id].setIcon(icon(record.icon))


def _holds(need: Need, known: dict[Need, bool]) -> bool:
    """Whether a need holds; many actions share one, which is asked once."""
    if need not in known:
        known[need] = need.holds()
    return known[need]


def plain(text: str) -> str:
    """A menu text without its mnemonic and dots."""
    return text.replace("&", "").rstrip("…")


def tooltip(record: Action, keys: Iterable[str]) -> str:
    """What it is, its first shortcut, and what it does."""
    first = next((key for key in keys if key), "")
    shown = QKeySequence(first).toString(QKeySequence.SequenceFormat.NativeText) if first else ""
    head = f"<b>{plain(record.text)}</b>" + (f" &nbsp; {shown}" if shown else "")
    return f"{head}<br>{record.help}" if record.help else head
