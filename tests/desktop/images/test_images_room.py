"""The room of images, built alone: going from one to another, one image or two, marking and removing."""

import pytest

from tests.desktop.benches import images_of, show_bench


@pytest.fixture
def room(qtbot, bench, image_folder):
    made = images_of(bench)
    bench.settings.change(ask_empty_review=False)
    bench.actions.add(made.actions(bench.needs))
    show_bench(bench)
    bench.session.open_folder(image_folder)
    qtbot.waitUntil(lambda: bench.canvas.panes[0].photo is not None)
    return made


def test_actions_go_from_image_to_image_in_natural_order(bench, room):
    ids = bench.document.image_ids
    assert [bench.document.image(image).name for image in ids][:3] == ["img1.png", "img2.png", "img3.png"]
    bench.actions["next_image"].trigger()
    assert room.panel.current == ids[1]
    bench.actions["previous_image"].trigger()
    assert room.panel.current == ids[0]
    room.set_state([ids[1]], "reviewed")
    bench.actions["next_todo"].trigger()
    assert room.panel.current == ids[2]
    assert "20% reviewed" in bench.status.reviewed.text()


def test_two_images_are_shown_swapped_and_left_again(qtbot, bench, room):
    bench.actions["view_pair"].trigger()
    assert bench.canvas.count == 2
    left, right = bench.viewer.image(0), bench.viewer.image(1)
    assert right not in (0, left)
    bench.actions["swap"].trigger()
    assert (bench.viewer.image(0), bench.viewer.image(1)) == (right, left)
    bench.actions["view_single"].trigger()
    assert bench.canvas.count == 1
    assert not bench.actions["swap"].isEnabled()


def test_the_image_on_the_right_goes_and_another_takes_its_place(bench, room):
    bench.actions["view_pair"].trigger()
    gone = bench.viewer.image(1)
    room.questions.remove([gone])
    assert bench.viewer.image(1) not in (0, gone)
    bench.session.undo()
    assert gone in bench.document.image_ids


def test_scopes_list_and_count_the_same_images(bench, room):
    ids = bench.document.image_ids
    room.set_state(list(ids[:2]), "reviewed")
    room.panel.model.counts()
    for scope, count in (("all", 5), ("todo", 3), ("listed", 5), ("selected", 1)):
        assert len(room.scopes.images(scope)) == room.scopes.count(scope) == count
    bench.session.close()
    assert room.scopes.images("all") == []


def test_what_the_view_is_set_to_is_kept_in_the_settings(bench, room):
    before = bench.settings.preferences
    bench.actions["minimap"].trigger()
    bench.actions["outlines"].trigger()
    assert bench.settings.preferences.minimap != before.minimap
    assert bench.settings.preferences.overlay_fill != before.overlay_fill
