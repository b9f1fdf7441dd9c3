"""Settings: kept, repaired, told of once."""

from counterpart.desktop.shell.settings import Preferences, Settings


def test_preferences_survive_and_damaged_ones_fall_back(tmp_path):
    file = tmp_path / "window.ini"
    first = Settings(file)
    first.change(theme="light", overlay_opacity=0.25, wheel_zooms=False)
    first.sync()
    assert Settings(file).preferences == Preferences(theme="light", overlay_opacity=0.25, wheel_zooms=False)
    text = file.read_text().replace("0.25", "lots").replace("light", "pink")
    file.write_text(text)
    assert Settings(file).preferences == Preferences(wheel_zooms=False)


def test_recent_projects_are_unique_ordered_and_bounded(tmp_path):
    settings = Settings(tmp_path / "window.ini")
    for number in range(20):
        settings.remember(tmp_path / str(number))
    settings.remember(tmp_path / "12")
    assert settings.recent()[:2] == [tmp_path / "12", tmp_path / "19"]
    assert len(settings.recent()) == 12
    settings.forget(tmp_path / "12")
    assert tmp_path / "12" not in settings.recent()


def test_a_change_is_told_once_and_no_change_is_not(tmp_path, qtbot):
    settings = Settings(tmp_path / "window.ini")
    seen = []
    settings.changed.connect(lambda preferences: seen.append(preferences.theme))
    settings.change(theme="light")
    settings.change(theme="light")
    assert seen == ["light"]
