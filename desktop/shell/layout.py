"""How the main window is laid out: menus, bars, what stands left, in the middle and right, and the splitters."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QByteArray, QSize, Qt, SignalInstance
from PySide6.QtGui import QAction, QResizeEvent
from PySide6.QtWidgets import (
    QMainWindow,
    QMenu,
    QSizePolicy,
    QSplitter,
    QStackedWidget,
    QTabWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from counterpart.desktop.shell.actions import MENUS, Actions
from counterpart.desktop.shell.banner import Banner
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.widgets.icons import ICON_PX
from counterpart.desktop.widgets.notice import Notice

_BAR_PX = 48
_TABS_PX, _RIGHT_PX = 310, 300
_AT_THE_END = 1000
"""From this place on, actions stand at the right end of the tool bar, behind the tools' options."""


class _Centre(QWidget):
    """What is in the middle, with messages floating over its upper edge: the images do not jump when one comes."""

    def __init__(self, content: QWidget, notice: Notice, banner: Banner) -> None:
        super().__init__()
        self._notice, self._content = notice, content
        notice.setParent(self)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(0)
        box.addWidget(banner)
        box.addWidget(content, 1)
        banner.resized.connect(self._place)
        notice.resized.connect(self._place)

    def resizeEvent(self, _event: QResizeEvent) -> None:
        self._place()

    def _place(self) -> None:
        width = min(self.width() - 32, 760)
        height = self._notice.height_for(width)
        self._notice.setGeometry((self.width() - width) // 2, self._content.y() + 12, width, height)
        self._notice.raise_()


class _Tabs(QTabWidget):
    """The tabs beside the canvas, in an order that does not depend on who came first."""

    def __init__(self) -> None:
        super().__init__()
        self.setDocumentMode(True)
        self.setMinimumHeight(_TABS_PX)  # pages that need more have the Run panel's room as well
        self._places: list[int] = []

    def insert(self, place: int, panel: QWidget, words: str) -> None:
        index = sum(1 for other in self._places if other < place)
        self._places.insert(index, place)
        current = self.currentWidget()
        self.insertTab(index, panel, words)
        if index == 0 or current is None:
            self.setCurrentIndex(0)


class Layout:
    """Arranges what rooms give it in a window, and remembers the arrangement.

    Args:
        window: The window.
        settings: Keep the arrangement.
        start: Shown while nothing is open.
        canvas: In the middle.
        images: On the left.

    Attributes:
        tabs: What can be looked at beside the canvas.
        recent: The menu of recent projects.
        notice, banner: Messages over the canvas, and the state of the project above it.
    """

    def __init__(
        self, window: QMainWindow, settings: Settings, start: QWidget, canvas: QWidget, images: QWidget
    ) -> None:
        self._window, self._settings, self._start, self._images = window, settings, start, images
        self.notice, self.banner = Notice(), Banner()
        self.recent = QMenu("Open &recent", window)
        self.tabs = _Tabs()
        self._tall: list[QWidget] = []
        self._below_tabs: QWidget | None = None
        self._options: QWidget | None = None
        self.tabs.currentChanged.connect(self._tab_changed)
        self._across = self._splitters(canvas)
        window.setCentralWidget(self._across)
        self.show_start(True)

    def _splitters(self, canvas: QWidget) -> QSplitter:
        work = QWidget()
        column = self._column = QVBoxLayout(work)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(canvas, 1)
        self._middle = QStackedWidget()
        self._middle.addWidget(self._start)
        self._middle.addWidget(work)
        centre = _Centre(self._middle, self.notice, self.banner)
        self._right = QSplitter(Qt.Orientation.Vertical)
        self._right.addWidget(self.tabs)
        self._right.setChildrenCollapsible(False)
        across = QSplitter(Qt.Orientation.Horizontal)
        self._sides = (self._images, self._right)
        for widget in (self._images, centre, self._right):
            across.addWidget(widget)
        across.setStretchFactor(0, 0)
        across.setStretchFactor(1, 1)
        across.setStretchFactor(2, 0)
        across.setSizes([264, 788, 388])
        across.setCollapsible(1, False)
        for splitter in (across, self._right):
            splitter.setHandleWidth(1)
        return across

    # What rooms add -----------------------------------------------------------------------------------------------

    def add_tab(self, place: int, panel: QWidget, words: str, *, tall: bool = False) -> None:
        """Offer a panel beside the canvas, in the order of the places; a tall one takes the Run panel's place too."""
        if tall:
            self._tall.append(panel)
        self.tabs.insert(place, panel, words)
        # The names of all tabs are side by side, without arrows to look for the others.
        self._right.setMinimumWidth(max(_RIGHT_PX, self.tabs.tabBar().sizeHint().width() + 2))
        self._tab_changed()

    def put_below_tabs(self, panel: QWidget) -> None:
        """Put a panel below the tabs."""
        self._below_tabs = panel
        self._right.addWidget(panel)
        self._right.setSizes([500, 330])
        self._right.setStretchFactor(0, 1)  # in a low window the tabs give way, not the controls of a run
        self._right.setStretchFactor(1, 0)
        self._tab_changed()

    def put_below(self, panel: QWidget) -> None:
        """Put a panel below the canvas; it shows and hides itself."""
        self._column.addWidget(panel)

    def put_options(self, panel: QWidget) -> None:
        """Put what the active tool lets be set on the bar above the canvas."""
        self._options = panel

    def build(self, actions: Actions) -> None:
        """Make menus and bars of the actions; called once, when every room has declared its own."""
        bar = self._window.menuBar()
        for name, title in MENUS.items():
            menu = bar.addMenu(title)
            entries: list[tuple[int, QAction]] = actions.in_menu(name)
            if name == "File":
                entries.append((_RECENT, self.recent.menuAction()))
            _fill(menu, sorted(entries, key=lambda entry: entry[0]))
        above = QToolBar("Options")
        above.setObjectName("toolOptions")
        tools = QToolBar("Tools")
        tools.setObjectName("tools")
        for strip in (above, tools):
            strip.setMovable(False)
            strip.setFloatable(False)
            strip.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
            strip.setIconSize(QSize(ICON_PX, ICON_PX))
        on_bar = actions.on_bar()
        _fill(above, [entry for entry in on_bar if entry[0] < _AT_THE_END])
        if self._options is not None:
            # In a narrow window the end is cut off: a bar that lacks room would leave all of it out.
            policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
            self._options.setSizePolicy(policy)
            self._options.setMinimumWidth(1)
            above.addWidget(self._options)
        _fill(above, [entry for entry in on_bar if entry[0] >= _AT_THE_END])
        above.setFixedHeight(_BAR_PX)  # whatever it holds, and whenever a theme comes
        _fill(tools, actions.on_tools())
        self._window.addToolBar(Qt.ToolBarArea.TopToolBarArea, above)
        self._window.addToolBar(Qt.ToolBarArea.LeftToolBarArea, tools)
        self._window.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self._window.addActions(actions.keys_alone())
        self.show_start(True)

    # What is shown ------------------------------------------------------------------------------------------------

    @property
    def shown(self) -> QWidget | None:
        """The panel that is in front beside the canvas."""
        return self.tabs.currentWidget()

    @property
    def tab_changed(self) -> SignalInstance:
        """Emitted when another panel is brought to the front."""
        return self.tabs.currentChanged

    def show_start(self, shown: bool) -> None:
        """Show the start page alone, or the canvas between its panels."""
        # The page that is not seen must not keep the window wide.
        policy = QSizePolicy.Policy.Preferred if shown else QSizePolicy.Policy.Ignored
        self._start.setSizePolicy(policy, QSizePolicy.Policy.Preferred)
        self._middle.setCurrentIndex(0 if shown else 1)
        for side in self._sides:
            side.setVisible(not shown)
        for bar in self._window.findChildren(QToolBar):
            bar.setVisible(not shown)

    def _tab_changed(self) -> None:
        """Some panels have a button of their own and need the height: the Run panel makes room."""
        if self._below_tabs is not None:
            self._below_tabs.setVisible(self.tabs.currentWidget() not in self._tall)

    def show_tab(self, panel: QWidget) -> None:
        """Bring a panel to the front."""
        self.tabs.setCurrentWidget(panel)

    # Memory -------------------------------------------------------------------------------------------------------

    def save(self) -> None:
        """Remember the arrangement."""
        self._settings.set_layout("window", self._window.saveGeometry())
        self._settings.set_layout("across", self._across.saveState())
        self._settings.set_layout("right", self._right.saveState())

    def restore(self) -> None:
        """Arrange as it was last time, or well."""
        geometry = self._settings.layout("window")
        if geometry is None or not self._window.restoreGeometry(geometry):
            self._window.resize(1440, 900)
        for name, splitter in (("across", self._across), ("right", self._right)):
            state: QByteArray | None = self._settings.layout(name)
            if state is not None:
                splitter.restoreState(state)


_RECENT = 50
"""Place of the recent projects in the File menu."""


def _fill(target: QMenu | QToolBar, entries: Iterable[tuple[int, QAction]]) -> None:
    """Put actions into a menu or on a bar, with a line wherever another hundred begins."""
    group = None
    for place, action in entries:
        if group is not None and place // 100 != group:
            target.addSeparator()
        group = place // 100
        target.addAction(action)
