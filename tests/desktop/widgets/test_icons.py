"""Icons: every one that an action names is there and is drawn."""

from counterpart.core.resources import resource_path
from counterpart.desktop.widgets.icons import icon


def test_every_icon_that_an_action_names_exists_and_is_drawn(window):
    records = window.bench.actions.records
    assert len(records) > 90
    for spec in records:
        if spec.icon:
            assert resource_path("icons", f"{spec.icon}.svg").is_file()
            image = icon(spec.icon).pixmap(20, 20).toImage()
            inked = sum(image.pixelColor(x, y).alpha() > 100 for x in range(20) for y in range(20))
            assert 8 < inked < 300, spec.icon
