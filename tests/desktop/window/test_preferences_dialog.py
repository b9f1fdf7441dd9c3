"""Settings: what a person changes applies at once, is kept, and can be put back."""

import pytest
from PySide6.QtCore import Qt

from counterpart.core.features.cache import FeatureCache
from counterpart.core.features.taps import Tap
from counterpart.core.features.values import FeatureSpec
from counterpart.desktop.jobs.backend import backend_maker
from counterpart.desktop.jobs.job import Job
from counterpart.desktop.shell.settings import Preferences, Settings
from counterpart.desktop.window.preferences_dialog import PreferencesDialog


@pytest.fixture
def dialog(qtbot, opened):
    qtbot.keyClick(opened.bench.canvas, Qt.Key.Key_Comma, Qt.KeyboardModifier.ControlModifier)
    found = next(each for each in opened.findChildren(PreferencesDialog) if each.isVisible())
    yield found
    found.reject()


def test_changes_apply_at_once_and_are_kept(opened, dialog, tmp_path):
    dialog.overlay.control("overlay_opacity").box.setValue(0.3)
    dialog.look.control("wheel_zooms").setChecked(False)
    assert opened.parts.panel.opacity.value() == 30
    assert not opened.bench.canvas.wheel_zooms
    dialog.overlay.control("overlay_fill").setChecked(False)
    assert opened.bench.actions["outlines"].isChecked()
    kept = Settings(tmp_path / "window.ini").preferences
    assert (kept.overlay_opacity, kept.wheel_zooms, kept.overlay_fill) == (0.3, False, False)


def test_everything_goes_back_to_its_default(opened, dialog, tmp_path):
    dialog.look.control("theme").setCurrentIndex(1)
    dialog.folder.setText(str(tmp_path / "features"))
    dialog.folder.editingFinished.emit()
    assert opened.bench.settings.preferences.cache_folder == str(tmp_path / "features")
    reset = next(each for each in dialog.findChildren(type(dialog.clear)) if each.text() == "Reset to defaults")
    reset.click()
    assert opened.bench.settings.preferences == Preferences()


def test_the_cache_says_its_size_and_is_cleared(qtbot, dialog):
    dialog.tabs.setCurrentIndex(3)
    qtbot.waitUntil(lambda: dialog.used.text() == "340 MB")
    qtbot.mouseClick(dialog.clear, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: dialog.used.text() == "Empty")
    assert not dialog.clear.isEnabled()


def test_the_backend_is_made_as_the_settings_say(tmp_path):
    made = backend_maker(Preferences(memory_mb=256, disk_gb=3, cache_folder=str(tmp_path / "kept")))()
    assert made.cache.memory_bytes == 256 * 1024 * 1024
    assert made.cache.disk_bytes == 3_000_000_000
    assert made.cache.folder.parent == tmp_path / "kept"


def test_clearing_removes_what_is_kept_and_nothing_else(tmp_path, image_folder):
    from counterpart.core.images.finding import find_images
    from tests.desktop.fakes import fake_features

    cache = FeatureCache(tmp_path)
    features = fake_features(find_images([image_folder])[0], (Tap(9, "token"),))
    assert isinstance(features.spec, FeatureSpec)
    assert cache.put(features)
    (tmp_path / "mine.txt").write_text("keep")
    assert cache.on_disk_bytes() > 0
    assert cache.clear() > 0
    assert cache.on_disk_bytes() == 0
    assert cache.get(features.image_sha256, features.spec) is None
    assert (tmp_path / "mine.txt").exists()
    assert cache.put(features)


def test_bounds_of_the_cache_take_effect_at_once_and_another_folder_says_when(qtbot, opened, dialog, tmp_path):
    seen = {}
    dialog.engine.control("memory_mb").box.setValue(256)
    job = Job("Bounds", lambda backend, ctx: backend.bounds)
    opened.bench.jobs.ask("test", job, lambda outcome: seen.update(test=outcome.result))
    qtbot.waitUntil(lambda: "test" in seen)
    assert seen["test"] == (256 * 1024 * 1024, 10_000_000_000)
    assert dialog.later.text() == ""
    dialog.folder.setText(str(tmp_path / "elsewhere"))
    dialog.folder.editingFinished.emit()
    assert "next start" in dialog.later.text()
