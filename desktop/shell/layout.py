"""How the main window is laid out: menus, bars, panels and the splitters between them."""

from __future__ import annotations

from dataclasses import dataclass

from PySide6.QtCore import QByteArray, QSize, Qt
from PySide6.QtGui import QResizeEvent
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

from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.toolbox import ToolOptions
from counterpart.desktop.explore.explore_panel import ExplorePanel
from counterpart.desktop.find.run_panel import RunPanel
from counterpart.desktop.images.images_panel import ImagesPanel
from counterpart.desktop.keypoints.keypoints_panel import KeypointsPanel
from counterpart.desktop.learn.learn_panel import LearnPanel
from counterpart.desktop.matches.matches_panel import MatchesPanel
from counterpart.desktop.parts.parts_panel import PartsPanel
from counterpart.desktop.shell.actions import MENUS, Actions
from counterpart.desktop.shell.banner import Banner
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.shell.start_page import StartPage
from counterpart.desktop.widgets.controls import Notice
from counterpart.desktop.widgets.icons import ICON_PX

__all__ = ["Layout"]

_BAR_PX = 48
_TABS_PX, _RIGHT_PX = 310, 300
_OPTIONS = (
    "undo",
    "redo",
    "-",
    "view_single",
    "view_pair",
    "-",
    "previous_image",
    "next_image",
    "next_todo",
    "accept",
    "-",
    "overlay",
    "outlines",
    "display",
    "fit",
    "actual_size",
    "<>",
    "export",
)
_TOOLS = (
    "tool_select",
    "tool_similarity",
    "tool_pick",
    "-",
    "tool_brush",
    "tool_snap",
    "tool_eraser",
    "tool_rectangle",
    "tool_lasso",
    "tool_polygon",
    "tool_fill",
    "tool_wand",
    "-",
    "tool_keypoint",
)


@dataclass
class Panels:
    """The panels of the window."""

    images: ImagesPanel
    canvas: Canvas
    parts: PartsPanel
    keypoints: KeypointsPanel
    matches: MatchesPanel
    run: RunPanel
    start: StartPage
    explore: ExplorePanel
    learn: LearnPanel
    notice: Notice
    banner: Banner
    options: ToolOptions


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


class Layout:
    """Arranges panels in a window and remembers the arrangement.

    Attributes:
        tabs: What can be looked at beside the canvas.
        recent: The menu of recent projects.
    """

    def __init__(self, window: QMainWindow, panels: Panels, actions: Actions, settings: Settings) -> None:
        self._window, self._panels, self._settings = window, panels, settings
        self.recent = QMenu("Open &recent", window)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.setMinimumHeight(_TABS_PX)  # pages that need more have the Run panel's room as well
        self.tabs.addTab(panels.parts, "Parts")
        self.tabs.addTab(panels.learn, "Learn")
        self.tabs.addTab(panels.keypoints, "Keypoints")
        self.tabs.addTab(panels.matches, "Matches")
        self.tabs.addTab(panels.explore, "Explore")
        self._tall: list[QWidget] = [panels.explore, panels.learn]
        self.tabs.currentChanged.connect(self._tab_changed)
        self._menus(actions)
        self._bars(actions)
        self._across = self._splitters()
        window.setCentralWidget(self._across)
        self.show_start(True)

    def _menus(self, actions: Actions) -> None:
        bar = self._window.menuBar()
        for title, names in MENUS:
            menu = bar.addMenu(title)
            for name in names:
                if name == "-":
                    menu.addSeparator()
                elif name == "recent":
                    menu.addMenu(self.recent)
                else:
                    menu.addAction(actions[name])

    def _bars(self, actions: Actions) -> None:
        options = QToolBar("Options")
        options.setObjectName("toolOptions")
        tools = QToolBar("Tools")
        tools.setObjectName("tools")
        for bar, names in ((options, _OPTIONS), (tools, _TOOLS)):
            bar.setMovable(False)
            bar.setFloatable(False)
            bar.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
            bar.setIconSize(QSize(ICON_PX, ICON_PX))
            for name in names:
                if name == "-":
                    bar.addSeparator()
                elif name == "<>":
                    # In a narrow window the end is cut off: a bar that lacks room would leave all of it out.
                    policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
                    self._panels.options.setSizePolicy(policy)
                    self._panels.options.setMinimumWidth(1)
                    bar.addWidget(self._panels.options)
                else:
                    bar.addAction(actions[name])
        options.setFixedHeight(_BAR_PX)  # whatever it holds, and whenever a theme comes
        self._window.addToolBar(Qt.ToolBarArea.TopToolBarArea, options)
        self._window.addToolBar(Qt.ToolBarArea.LeftToolBarArea, tools)
        self._window.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)

    def _splitters(self) -> QSplitter:
        panels = self._panels
        work = QWidget()
        column = self._column = QVBoxLayout(work)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(panels.canvas, 1)
        self._middle = QStackedWidget()
        self._middle.addWidget(panels.start)
        self._middle.addWidget(work)
        centre = _Centre(self._middle, panels.notice, panels.banner)
        self._right = QSplitter(Qt.Orientation.Vertical)
        self._right.addWidget(self.tabs)
        self._right.addWidget(panels.run)
        self._right.setSizes([500, 330])
        self._right.setStretchFactor(0, 1)  # in a low window the tabs give way, not the controls of a run
        self._right.setStretchFactor(1, 0)
        self._right.setChildrenCollapsible(False)
        self._widen()
        across = QSplitter(Qt.Orientation.Horizontal)
        self._sides = (panels.images, self._right)
        for widget in (panels.images, centre, self._right):
            across.addWidget(widget)
        across.setStretchFactor(0, 0)
        across.setStretchFactor(1, 1)
        across.setStretchFactor(2, 0)
        across.setSizes([264, 788, 388])
        across.setCollapsible(1, False)
        for splitter in (across, self._right):
            splitter.setHandleWidth(1)
        return across

    # What is shown ------------------------------------------------------------------------------------------------

    def show_start(self, shown: bool) -> None:
        """Show the start page alone, or the canvas between its panels."""
        # The page that is not seen must not keep the window wide.
        policy = QSizePolicy.Policy.Preferred if shown else QSizePolicy.Policy.Ignored
        self._panels.start.setSizePolicy(policy, QSizePolicy.Policy.Preferred)
        self._middle.setCurrentIndex(0 if shown else 1)
        for side in self._sides:
            side.setVisible(not shown)
        for bar in self._window.findChildren(QToolBar):
            bar.setVisible(not shown)

    def _tab_changed(self, _index: int) -> None:
        """Some panels have a button of their own and need the height: the Run panel makes room."""
        self._panels.run.setVisible(self.tabs.currentWidget() not in self._tall)

    def add_tab(self, panel: QWidget, words: str, *, tall: bool = False) -> None:
        """Offer a further panel beside the canvas; a tall one takes the Run panel's place as well."""
        if tall:
            self._tall.append(panel)
        self.tabs.addTab(panel, words)
        self._widen()

    def _widen(self) -> None:
        """The names of all tabs are side by side, without arrows to look for the others."""
        self._right.setMinimumWidth(max(_RIGHT_PX, self.tabs.tabBar().sizeHint().width() + 2))

    def show_tab(self, panel: QWidget) -> None:
        """Bring a panel to the front."""
        self.tabs.setCurrentWidget(panel)

    def add_below(self, panel: QWidget) -> None:
        """Put a panel below the canvas; it shows and hides itself."""
        self._column.addWidget(panel)

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
