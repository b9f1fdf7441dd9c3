"""Looking: what lies under the pointer, the zoom, the map and the crosshair, linked views, brightness and contrast."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QPoint, Slot
from PySide6.QtWidgets import QToolBar

from counterpart.core.images.brightness import Look, look_for
from counterpart.desktop.canvas.crosshair import place_text
from counterpart.desktop.images.brightness_popup import BrightnessPopup

if TYPE_CHECKING:
    from counterpart.desktop.window.main_window import MainWindow

__all__ = ["ViewControls"]

_STEP = 0.1
_GAMMA_STEP = 1.15


class ViewControls(QObject):
    """Connects what changes the view and nothing else. What is set for brightness lasts while the window does."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._w = window
        self._look = Look()
        self.popup = BrightnessPopup(window)
        preferences, actions = window.settings.preferences, window.actions_
        for name, on, apply in (
            ("minimap", preferences.minimap, window.canvas.show_minimaps),
            ("crosshair", preferences.crosshair, window.canvas.show_crosshair),
            ("link_views", preferences.linked_views, window.canvas.set_linked),
        ):
            actions[name].setChecked(on)
            apply(on)
            actions[name].toggled.connect(apply)
        actions["minimap"].toggled.connect(lambda on: window.settings.change(minimap=on))
        actions["crosshair"].toggled.connect(lambda on: window.settings.change(crosshair=on))
        actions["link_views"].toggled.connect(lambda on: window.settings.change(linked_views=on))
        for name, change in {
            "brighter": {"brightness": _STEP},
            "darker": {"brightness": -_STEP},
            "more_contrast": {"contrast": _STEP / 4},
            "less_contrast": {"contrast": -_STEP / 4},
        }.items():
            actions[name].triggered.connect(lambda _on=False, change=change: self._nudge(**change))
            window.addAction(actions[name])  # in no menu: keys alone
        window.addActions([actions["gamma_up"], actions["gamma_down"]])
        actions["gamma_up"].triggered.connect(lambda: self._nudge(gamma=_GAMMA_STEP))
        actions["gamma_down"].triggered.connect(lambda: self._nudge(gamma=1 / _GAMMA_STEP))
        actions["display"].triggered.connect(self._open)
        actions["display_auto"].triggered.connect(self.fit_range)
        actions["display_reset"].triggered.connect(self.reset)
        self.popup.changed.connect(self.set_look)
        self.popup.fit_wanted.connect(self.fit_range)
        window.canvas.hovered_at.connect(self._hovered)
        window.canvas.hover_left.connect(self._left)
        window.canvas.zoomed.connect(self.show_zoom)
        window.settings.changed.connect(self._preferences)

    # The pointer and the zoom -------------------------------------------------------------------------------------

    @Slot(int, float, float)
    def _hovered(self, pane: int, x: float, y: float) -> None:
        window = self._w
        document = window.session.document
        if window.toolbox.active == "similarity" or document is None:
            return
        part = window.canvas.label_at(pane, (x, y))
        name = next((each.name for each in document.parts if each.id == part), "")
        place = place_text(window.canvas.panes[pane], (x, y))
        window.status.show_place(f"{place} · {name}" if name else place)

    @Slot()
    def _left(self) -> None:
        if self._w.toolbox.active != "similarity":
            self._w.status.show_place("")

    @Slot()
    def show_zoom(self) -> None:
        """Say how much is magnified: both images, where two are shown unlike."""
        canvas = self._w.canvas
        shown = [pane.view.percent for pane in canvas.shown() if pane.photo is not None]
        if not shown:
            self._w.status.show_zoom_text("")
        elif len({round(each) for each in shown}) == 1:
            self._w.status.show_zoom(shown[0])
        else:
            self._w.status.show_zoom_text(f"L {shown[0]:.0f} %  R {shown[1]:.0f} %")

    def image_shown(self) -> None:
        """A pane shows another image."""
        self.show_zoom()
        self._tell_popup()

    @Slot()
    def _preferences(self) -> None:
        preferences, actions = self._w.settings.preferences, self._w.actions_
        actions["minimap"].setChecked(preferences.minimap)
        actions["crosshair"].setChecked(preferences.crosshair)
        actions["link_views"].setChecked(preferences.linked_views)

    # Brightness and contrast --------------------------------------------------------------------------------------

    @property
    def look(self) -> Look:
        """How photographs are brightened now."""
        return self._look

    @Slot(object)
    def set_look(self, look: Look) -> None:
        """Brighten the photographs of both panes; nothing else knows of it."""
        self._look = look
        self._w.canvas.set_look(look)
        self._tell_popup()

    @Slot()
    def reset(self) -> None:
        """Show photographs as they are."""
        self.set_look(Look())

    @Slot()
    def fit_range(self) -> None:
        """Spread the values that are seen in the left image from black to white."""
        pane = self._w.canvas.panes[0]
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

    def _nudge(self, brightness: float = 0.0, contrast: float = 0.0, gamma: float = 1.0) -> None:
        look = self._look
        self.set_look(
            dataclasses.replace(
                look,
                brightness=look.brightness + brightness,
                contrast=look.contrast + contrast,
                gamma=look.gamma * gamma,
            )
        )
        self._w.status.show_place(f"For viewing only: {look_text(self._look)}")

    def _tell_popup(self) -> None:
        photo = self._w.canvas.panes[0].photo
        self.popup.show_look(self._look, photo.shown_range if photo is not None else (0.0, 255.0))

    def _open(self) -> None:
        self._tell_popup()
        window = self._w
        action = window.actions_["display"]
        buttons = [bar.widgetForAction(action) for bar in window.findChildren(QToolBar) if action in bar.actions()]
        anchor = next((button for button in buttons if button.isVisible()), window.canvas)
        self.popup.adjustSize()
        under = anchor.mapToGlobal(QPoint(0, anchor.height() + 4 if anchor is not window.canvas else 16))
        right = window.mapToGlobal(QPoint(window.width() - self.popup.width() - 8, 0)).x()
        self.popup.move(min(under.x(), right), under.y())
        self.popup.show()


def look_text(look: Look) -> str:
    """A look in words, also where nothing is changed."""
    return look.text() or "as it is"
