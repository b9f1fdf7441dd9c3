"""The program's settings: declared in one place as data, kept in one INI file of the user's."""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs
from PySide6.QtCore import QByteArray, QObject, QSettings, Signal

MAX_RECENT = 12


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a person can choose. Every field has a default; unknown or damaged values fall back to it.

    Attributes:
        theme: Dark, light, or what the desktop says.
        wheel_zooms: Whether the wheel alone zooms; otherwise it scrolls and Ctrl+wheel zooms.
        overlay_opacity: Opacity of part overlays, in [0, 1].
        overlay_fill: Whether overlays are filled or outlines only.
        thumbnail_overlays: Whether the image list shows part overlays.
        minimap: Whether a map of the whole image shows which part of it is seen.
        crosshair: Whether lines through the pointer cross the image.
        linked_views: Whether two images are zoomed and moved together.
        refine_method: What decides where a refined boundary lies.
        line_colour: What colours correspondence lines.
        model: Registry name of the encoder, empty for the default.
        device: Device for the encoder.
        precision: Arithmetic of the encoder.
        learn_auto: Whether the parts of untouched images are predicted anew after each correction.
        learn_at_once: Whether such an update goes into the project without a question.
        ask_empty_review: Whether an image without labels is marked as reviewed only after a question.
        memory_mb: Bound of the features kept in memory, megabytes.
        disk_gb: Bound of the features kept on disk, gigabytes.
        cache_folder: Where features are kept on disk, empty for the user's cache folder.
    """

    theme: Literal["dark", "light", "system"] = "dark"
    wheel_zooms: bool = True
    overlay_opacity: float = 0.55
    overlay_fill: bool = True
    thumbnail_overlays: bool = True
    minimap: bool = True
    crosshair: bool = False
    linked_views: bool = False
    refine_method: Literal["local", "grabcut", "guided", "crf"] = "local"
    line_colour: Literal["position", "confidence"] = "position"
    model: str = ""
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    learn_auto: bool = True
    learn_at_once: bool = False
    ask_empty_review: bool = True
    memory_mb: int = 1024
    disk_gb: int = 10
    cache_folder: str = ""


def settings_file() -> Path:
    """Where settings are kept: `COUNTERPART_SETTINGS` or the user's configuration folder."""
    folder = os.environ.get("COUNTERPART_SETTINGS") or platformdirs.user_config_dir("counterpart", appauthor=False)
    return Path(folder) / "window.ini"


_RENAMED = {f"propagate_{way}": f"track_{way}" for way in ("all", "here", "forward", "backward")}
"""Actions that earlier versions kept a changed shortcut of under another id."""


class Settings(QObject):
    """Preferences, recent projects and the window's arrangement, saved as they change."""

    changed = Signal(object)
    recent_changed = Signal()

    def __init__(self, file: Path | None = None, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._store = QSettings(str(file or settings_file()), QSettings.Format.IniFormat)
        self._preferences = _read_preferences(self._store)

    @property
    def preferences(self) -> Preferences:
        """The preferences as they are now."""
        return self._preferences

    def change(self, **values: Any) -> None:
        """Set some preferences and tell everybody."""
        updated = dataclasses.replace(self._preferences, **values)
        if updated == self._preferences:
            return
        self._preferences = updated
        for name in values:
            self._store.setValue(f"preferences/{name}", json.dumps(getattr(updated, name)))
        self.changed.emit(updated)

    def recent(self) -> list[Path]:
        """Projects and folders opened last, the latest first."""
        return [Path(text) for text in _json_list(self._store.value("recent"))]

    def remember(self, path: Path) -> None:
        """Put a project or folder on top of the recent ones."""
        texts = [str(path), *(str(old) for old in self.recent() if old != path)]
        self._set_recent(texts[:MAX_RECENT])

    def forget(self, path: Path) -> None:
        """Take a project or folder off the recent ones."""
        self._set_recent([str(old) for old in self.recent() if old != path])

    def _set_recent(self, texts: list[str]) -> None:
        self._store.setValue("recent", json.dumps(texts))
        self.recent_changed.emit()

    def params(self, job: str) -> dict[str, Any]:
        """What was last chosen for a kind of job in the Run panel, as plain values."""
        try:
            found = json.loads(str(self._store.value(f"run/{job}", "{}")))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def set_params(self, job: str, values: dict[str, Any]) -> None:
        """Remember what was chosen for a kind of job."""
        self._store.setValue(f"run/{job}", json.dumps(values))

    def shortcuts(self) -> dict[str, str]:
        """Shortcuts changed by the person, by action id."""
        try:
            found = json.loads(str(self._store.value("shortcuts", "{}")))
        except ValueError:
            return {}
        if not isinstance(found, dict):
            return {}
        return {_RENAMED.get(str(action), str(action)): str(key) for action, key in found.items()}

    def set_shortcut(self, action: str, key: str | None) -> None:
        """Remember the shortcut of an action, empty for none; None forgets that it was changed."""
        changed = self.shortcuts()
        changed.pop(action, None)
        if key is not None:
            changed[action] = key
        self._store.setValue("shortcuts", json.dumps(changed))

    def layout(self, name: str) -> QByteArray | None:
        """Saved geometry of the window or of a splitter."""
        value = self._store.value(f"layout/{name}")
        return value if isinstance(value, QByteArray) and not value.isEmpty() else None

    def set_layout(self, name: str, state: QByteArray) -> None:
        """Save the geometry of the window or of a splitter."""
        self._store.setValue(f"layout/{name}", state)

    def sync(self) -> None:
        """Write to disk now."""
        self._store.sync()


def _json_list(value: object) -> list[str]:
    try:
        found = json.loads(str(value)) if value else []
    except ValueError:
        return []
    return [str(item) for item in found] if isinstance(found, list) else []


def _read_preferences(store: QSettings) -> Preferences:
    defaults = Preferences()
    values: dict[str, Any] = {}
    for field in dataclasses.fields(Preferences):
        text = store.value(f"preferences/{field.name}")
        if text is None:
            continue
        try:
            value = json.loads(str(text))
        except ValueError:
            continue
        default = getattr(defaults, field.name)
        if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is type(default) and _allowed(field, value):
            values[field.name] = value
    return dataclasses.replace(defaults, **values)


_CHOICES: dict[str, tuple[str, ...]] = {
    "theme": ("dark", "light", "system"),
    "line_colour": ("position", "confidence"),
    "refine_method": ("local", "grabcut", "guided", "crf"),
    "device": ("auto", "cpu", "cuda", "mps"),
    "precision": ("auto", "float32", "bfloat16", "float16"),
}


def _allowed(field: dataclasses.Field[Any], value: object) -> bool:
    return value in _CHOICES[field.name] if field.name in _CHOICES else True
