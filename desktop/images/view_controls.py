"""Looking: what lies under the pointer, the zoom, the map and the crosshair, linked views, brightness and contrast."""

from __future__ import annotations

import dataclasses

from PySide6.QtCore import QObject, QPoint, Slot
from PySide6.QtWidgets import QToolBar, QWidget

from counterpart.core.images.brightness import Look, look_for
from counterpart.desktop.canvas.canvas import Canvas
from counterpart.desktop.canvas.crosshair import place_text
from counterpart.desktop.images.brightness_popup import BrightnessPopup
from counterpart.desktop.project.session import Session
from counterpart.desktop.shell.actions import Action, Needs
from counterpart.desktop.shell.settings import Settings
from counterpart.desktop.shell.status_bar import StatusBar

_STEP = 0.1
_GAMMA_STEP = 1.15


class ViewControls(QObject):
    """What changes the view and nothing else. What is set for brightness lasts while the window does.

    Args:
        window: Owner of the sheet for brightness.
        canvas: Shows the images.
        settings: Keep what is on.
        session: Names the part under the pointer.
        status: Says what lies there.
    """

    def __init__(
        self, window: QWidget, canvas: Canvas, settings: Settings, session: Session, status: StatusBar
    ) -> None:
        super().__init__(window)
        self._window, self._canvas, self._settings = window, canvas, settings
        self._session, self._status = session, status
        self._look = Look()
        preferences = settings.preferences
        canvas.show_minimaps(preferences.minimap)
        canvas.show_crosshair(preferences.crosshair)
        canvas.set_linked(preferences.linked_views)
        self.popup = BrightnessPopup(window)
        self.popup.changed.connect(self.set_look)
        self.popup.fit_wanted.connect(self.fit_range)
        canvas.hovered_at.connect(self._hovered)
        canvas.hover_left.connect(self._left)
        canvas.zoomed.connect(self.show_zoom)

    def actions(self, needs: Needs) -> list[Action]:
        """What can be done about the view."""
        some, canvas = (needs.project,), self._canvas
        # fmt: off
        return [
            Action("fit", "&Fit", "View", keys=("F",), icon="fit", help="Show the whole image", do=canvas.fit,
                   during="waits", needs=some, place=110, bar=340),
            Action("actual_size", "&100 %", "View", keys=("Ctrl+0",), icon="actual-size",
                   help="One image pixel on one pixel of the screen", do=canvas.actual_size, during="waits",
                   needs=some, place=120, bar=350),
            Action("zoom_in", "Zoom &in", "View", keys=("Ctrl++", "Ctrl+="), do=lambda: canvas.zoom_in(1.25),
                   during="waits", needs=some, place=130, repeat=True),
            Action("zoom_out", "Zoom &out", "View", keys=("Ctrl+-",), do=lambda: canvas.zoom_in(0.8), during="waits",
                   needs=some, place=140, repeat=True),
            Action("minimap", "&Map of the image", "View", keys=("Shift+M",),
                   help="Where in the image the view is, while zoomed", switch=self.set_minimap, place=310,
                   checkable=True, checked=lambda: self._settings.preferences.minimap),
            Action("crosshair", "&Crosshair", "View", keys=("C",),
                   help="Lines through the pointer, with its coordinates", switch=self.set_crosshair, place=320,
                   checkable=True, checked=lambda: self._settings.preferences.crosshair),
            Action("link_views", "Move both images &together", "View", keys=("Shift+L",),
                   help="Zoom and move two images as one", switch=self.set_linked, needs=(needs.pair,), place=330,
                   checkable=True, checked=lambda: self._settings.preferences.linked_views),
            Action("display", "&Brightness and contrast…", "View", keys=("Ctrl+B",), icon="display",
                   help="For viewing only; of images with more than 8 bits it opens their real range",
                   do=self.open_brightness, needs=some, place=410, bar=330),
            Action("brighter", "Brighter", "View", keys=("Alt+Up",), do=lambda: self.nudge(brightness=_STEP),
                   needs=some, repeat=True),
            Action("darker", "Darker", "View", keys=("Alt+Down",), do=lambda: self.nudge(brightness=-_STEP), needs=some,
                   repeat=True),
            Action("more_contrast", "More contrast", "View", keys=("Alt+Right",),
                   do=lambda: self.nudge(contrast=_STEP / 4), needs=some, repeat=True),
            Action("less_contrast", "Less contrast", "View", keys=("Alt+Left",),
                   do=lambda: self.nudge(contrast=-_STEP / 4), needs=some, repeat=True),
            Action("gamma_up", "Brighten the dark", "View", keys=("Alt+PgUp",),
                   do=lambda: self.nudge(gamma=_GAMMA_STEP), needs=some, repeat=True),
            Action("gamma_down", "Darken the dark", "View", keys=("Alt+PgDown",),
                   do=lambda: self.nudge(gamma=1 / _GAMMA_STEP), needs=some, repeat=True),
            Action("display_auto", "Fit contrast to what is seen", "View", keys=("Alt+A",),
                   help="From its darkest to its lightest value", do=self.fit_range, needs=some, place=420),
            Action("display_reset", "Reset brightness and contrast", "View", keys=("Alt+0",), do=self.reset, needs=some,
                   place=430),
        ]
        # fmt: on

    # The pointer and the zoom -------------------------------------------------------------------------------------

    @Slot(int, float, float)
    def _hovered(self, pane: int, x: float, y: float) -> None:
        document = self._session.document
        if not self._says_place() or document is None:
            return
        part = self._canvas.label_at(pane, (x, y))
        name = next((each.name for each in document.parts if each.id == part), "")
        place = place_text(self._canvas.panes[pane], (x, y))
        self._status.show_place(f"{place} · {name}" if name else place)

    def _says_place(self) -> bool:
        """Whether the status bar is free for the place: some tools say there what they find."""
        return self._canvas.tool is None or not self._canvas.tool.speaks

    @Slot()
    def _left(self) -> None:
        if self._says_place():
            self._status.show_place("")

    @Slot()
    def show_zoom(self) -> None:
        """Say how much is magnified: both images, where two are shown unlike."""
        canvas = self._canvas
        shown = [pane.view.percent for pane in canvas.shown() if pane.photo is not None]
        if not shown:
            self._status.show_zoom_text("")
        elif len({round(each) for each in shown}) == 1:
            self._status.show_zoom(shown[0])
        else:
            self._status.show_zoom_text(f"L {shown[0]:.0f} %  R {shown[1]:.0f} %")

    def image_shown(self) -> None:
        """A pane shows another image."""
        self.show_zoom()
        self._tell_popup()

    def set_minimap(self, on: bool) -> None:
        """Show where in the image the view is, or not."""
        self._canvas.show_minimaps(on)
        self._settings.change(minimap=on)

    def set_crosshair(self, on: bool) -> None:
        """Show lines through the pointer, or not."""
        self._canvas.show_crosshair(on)
        self._settings.change(crosshair=on)

    def set_linked(self, on: bool) -> None:
        """Move both images as one, or not."""
        self._canvas.set_linked(on)
        self._settings.change(linked_views=on)

    # Brightness and contrast --------------------------------------------------------------------------------------

    @property
    def look(self) -> Look:
        """How photographs are brightened now."""
        return self._look

    @Slot(object)
    def set_look(self, look: Look) -> None:
        """Brighten the photographs of both panes; nothing else knows of it."""
        self._look = look
        self._canvas.set_look(look)
        self._tell_popup()

    @Slot()
    def reset(self) -> None:
        """Show photographs as they are."""
        self.set_look(Look())

    @Slot()
    def fit_range(self) -> None:
        """Spread the values that are seen in the left image from black to white."""
        pane = self._canvas.panes[0]
        seen = pane.view.visible_rect()
        if pane.photo is None or seen.isEmpty():
            return
        height, width = pane.photo.hw
        x0, y0 = pane.view.to_image(seen.topLeft())
        x1, y1 = pane.view.to_image(seen.bottomRight())
        left, top = max(round(x0 + 0.5), 0), max(round(y0 + 0.5), 0)
        right, bottom = min(max(round(x1 + 0.5), left + 1), width), min(max(round(y1 + 0.5), top + 1), height)
        black, white = pane.photo.seen_range(left, top, right, bottom)
        self.set_look(look_for(black, white, *pane.photo.shown_range, gamma=self._look.gamma))

    def nudge(self, brightness: float = 0.0, contrast: float = 0.0, gamma: float = 1.0) -> None:
        """Brighten, stretch or bend a little more."""
        look = self._look
        self.set_look(
            dataclasses.replace(
                look,
                brightness=look.brightness + brightness,
                contrast=look.contrast + contrast,
                gamma=look.gamma * gamma,
            )
        )
        self._status.show_place(f"For viewing only: {look_text(self._look)}")

    def _tell_popup(self) -> None:
        photo = self._canvas.panes[0].photo
        self.popup.show_look(self._look, photo.shown_range if photo is not None else (0.0, 255.0))

    def open_brightness(self) -> None:
        """Show the sheet for brightness below its button, or over the images where that is not seen."""
        self._tell_popup()
        window, canvas = self._window, self._canvas
        buttons = [
            bar.widgetForAction(action)
            for bar in window.findChildren(QToolBar)
            for action in bar.actions()
            if action.objectName() == "display"
        ]
        anchor = next((button for button in buttons if button.isVisible()), canvas)
        self.popup.adjustSize()
        under = anchor.mapToGlobal(QPoint(0, anchor.height() + 4 if anchor is not canvas else 16))
        right = window.mapToGlobal(QPoint(window.width() - self.popup.width() - 8, 0)).x()
        self.popup.move(min(under.x(), right), under.y())
        self.popup.show()


def look_text(look: Look) -> str:
    """A look in words, also where nothing is changed."""
    return look.text() or "as it is"
