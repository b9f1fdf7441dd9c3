"""Photographs that are replaced while they are annotated, and two projects whose images have the same numbers."""

import numpy as np
import pytest
from PIL import Image
from PySide6.QtCore import Qt

from counterpart.core.project.commands import AddInstance, AddPart, AddSkeleton, Paint
from counterpart.core.project.points import KeypointSet, Skeleton

RED, BLUE = (200, 0, 0), (0, 0, 200)
OLD, NEW, WIDE = (90, 120), (180, 240), (90, 200)


def photograph(path, hw=OLD, colour=RED):
    Image.new("RGB", (hw[1], hw[0]), colour).save(path)


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "two"
    made.mkdir()
    for name in ("cat.png", "dog.png"):
        photograph(made / name)
    return made


@pytest.fixture
def shown(qtbot, window, folder):
    """A window on the cat, with a part painted on it and a point placed."""
    session = window.bench.session
    session.open_folder(folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None)
    qtbot.waitUntil(lambda: all(record.sha256 for record in session.document.images()), timeout=10_000)
    session.do(AddPart("head"))
    session.do(Paint(1, 1, (10, 10, 40, 50), np.ones((30, 40), np.bool_)))
    session.do(AddSkeleton(Skeleton(("nose", "ear"))))
    session.do(AddInstance(1, KeypointSet.make([[9.5, 19.5], [30, 30]])))
    return window


def come_back(window):
    """What the system tells when a person comes back from another program."""
    window.images.missing._on_application(Qt.ApplicationState.ApplicationActive)


def colour(window, pane=0):
    photo = window.bench.canvas.panes[pane].photo
    return None if photo is None else tuple(int(value) for value in photo.rgb[0, 0])


def card(window, pane=0):
    return window.images.replaced.cards[pane]


def test_another_picture_of_the_same_size_is_shown_anew_with_its_labels(qtbot, shown, folder):
    told = []
    shown.bench.session.trouble.connect(lambda *args: told.append(args))
    photograph(folder / "cat.png", colour=BLUE)
    come_back(shown)
    qtbot.waitUntil(lambda: colour(shown) == BLUE)
    assert shown.bench.canvas.panes[0].labels is not None
    assert shown.bench.session.document.asides() == {}
    assert told == [("info", "cat.png is another picture of the same size now. The labels stay.")]
    assert not card(shown).isVisible()


def test_another_size_is_shown_without_its_labels_and_asked_about(qtbot, shown, folder):
    document = shown.bench.session.document
    photograph(folder / "cat.png", NEW, BLUE)
    come_back(shown)
    qtbot.waitUntil(lambda: card(shown).isVisible())
    said = "cat.png is another picture now (240 × 180, was 120 × 90): its labels were kept aside"
    assert card(shown).what.text() == f"{said}."
    assert colour(shown) == BLUE
    assert shown.bench.canvas.panes[0].labels is None
    assert shown.keypoints.view.instances(1) == ()
    assert document.label_map(1).areas() == {1: 1200}
    assert shown.bench.layout.banner.text == (
        "1 image is another picture now, of another size. The labels were kept aside."
    )
    refused = []
    shown.parts.editor.refused.connect(refused.append)
    assert not shown.parts.editor.begin(0, erase=True)
    assert refused == [f"{said}. Scale its labels or give them up, or put the old file back."]
    assert document.label_map(1).areas() == {1: 1200}


def test_its_labels_are_scaled_by_one_click_and_undone_by_another(qtbot, shown, folder):
    document = shown.bench.session.document
    photograph(folder / "cat.png", NEW)
    come_back(shown)
    qtbot.waitUntil(lambda: card(shown).isVisible())
    card(shown).scale.click()
    assert not card(shown).isVisible()
    assert not shown.bench.layout.banner.isVisible()
    assert document.label_map(1).areas() == {1: 4800}
    assert shown.bench.canvas.panes[0].labels.shape == NEW
    assert shown.keypoints.view.instances(1)[0].xy[0].tolist() == [19.5, 39.5]
    assert shown.parts.editor.begin(0, erase=True)
    shown.bench.session.undo()
    assert card(shown).isVisible()
    assert shown.bench.canvas.panes[0].labels is None
    assert document.label_map(1).hw == OLD


def test_another_shape_cannot_be_scaled_but_begun_anew(qtbot, shown, folder):
    document = shown.bench.session.document
    photograph(folder / "cat.png", WIDE)
    come_back(shown)
    qtbot.waitUntil(lambda: card(shown).isVisible())
    assert card(shown).scale.isHidden()
    card(shown).give_up.click()
    assert document.label_map(1) is None
    assert document.image(1).hw == WIDE
    shown.bench.session.undo()
    assert document.label_map(1).hw == OLD


def test_the_old_file_back_brings_the_labels_back(qtbot, shown, folder):
    photograph(folder / "cat.png", WIDE)
    come_back(shown)
    qtbot.waitUntil(lambda: card(shown).isVisible())
    photograph(folder / "cat.png")
    card(shown).again.click()
    qtbot.waitUntil(lambda: not card(shown).isVisible())
    qtbot.waitUntil(lambda: shown.bench.canvas.panes[0].labels is not None)
    assert shown.bench.session.document.asides() == {}


def test_an_image_that_is_not_shown_is_noticed_too(qtbot, shown, folder):
    document = shown.bench.session.document
    shown.images.panel.select(2)
    qtbot.waitUntil(lambda: shown.bench.canvas.panes[0].image_key == 2)
    photograph(folder / "cat.png", NEW)
    come_back(shown)
    qtbot.waitUntil(lambda: bool(document.asides()))
    assert not card(shown).isVisible()
    shown.images.panel.select(1)
    qtbot.waitUntil(lambda: card(shown).isVisible())
    assert shown.bench.canvas.panes[0].photo.hw == NEW


def test_a_photograph_in_memory_is_looked_at_again_when_it_is_shown(qtbot, shown, folder):
    shown.images.panel.select(2)
    qtbot.waitUntil(lambda: shown.bench.canvas.panes[0].image_key == 2)
    photograph(folder / "cat.png", colour=BLUE)
    shown.images.panel.select(1)
    qtbot.waitUntil(lambda: colour(shown) == BLUE)


def test_what_was_replaced_while_the_project_was_closed_is_noticed(qtbot, shown, folder):
    session = shown.bench.session
    session.close()
    photograph(folder / "cat.png", NEW, BLUE)
    session.open_folder(folder)
    qtbot.waitUntil(lambda: card(shown).isVisible())
    session.close()
    assert not card(shown).isVisible()
    session.open_folder(folder)
    qtbot.waitUntil(lambda: card(shown).isVisible())
    assert "another picture now" in shown.bench.layout.banner.text


def test_a_project_for_looking_only_shows_no_labels_over_another_picture(qtbot, shown, folder, tmp_path):
    session = shown.bench.session
    kept = tmp_path / "kept.counterpart"
    session.save_as(kept)
    session.close()
    photograph(folder / "cat.png", NEW, BLUE)
    from counterpart.core.project.document import Document

    with Document.open(kept):
        session.open_project(kept)
        assert session.document.read_only
        qtbot.waitUntil(lambda: card(shown).isVisible())
        assert shown.bench.canvas.panes[0].labels is None
        assert not card(shown).give_up.isEnabled()
        session.close()


def test_tools_work_on_the_photographs_of_the_project_that_is_open(qtbot, shown, tmp_path):
    """The snapped brush went by the pixels of the image with the same number in the project before."""
    other = tmp_path / "others"
    other.mkdir()
    half = np.zeros((*OLD, 3), np.uint8)
    half[:, 60:] = 255
    Image.fromarray(half).save(other / "a.png")
    bench, regions = shown.bench, shown.parts.regions
    photo = bench.canvas.panes[0].photo
    regions.prepare(1, photo)
    qtbot.waitUntil(lambda: regions.get(photo) is not None)
    bench.session.open_folder(other)
    qtbot.waitUntil(lambda: bench.session.title == "others" and bench.canvas.panes[0].photo is not None)
    new = bench.canvas.panes[0].photo
    assert new.sha256 != photo.sha256
    assert regions.get(new) is None
    regions.set_grain(0)  # with nothing prepared, nothing of the old project is computed anew
    assert not regions.working_ahead
    regions.prepare(1, new)
    qtbot.waitUntil(lambda: regions.get(new) is not None)
    left, right = (set(regions.get(new).at([[x, y] for x in xs for y in range(90)])) for xs in ((10, 50), (70, 110)))
    assert not left & right  # the border of this photograph, which the other has not


def test_answers_that_come_after_another_project_was_opened_are_not_taken_for_its_own(qtbot, shown, tmp_path):
    from counterpart.desktop.jobs.image_features import ImageFeatures
    from counterpart.desktop.jobs.job import JobOutcome
    from tests.desktop.fakes import fake_map

    contents = {1: "a" * 64}
    asked = []

    class Runner:
        def ask(self, _slot, job, answered):
            asked.append((job, answered))

    features = ImageFeatures(Runner(), dict.fromkeys, contents.get)
    features.set_choice(shown.bench.models.choice)
    assert features.prepare(1)
    contents[1] = "b" * 64  # another project
    arrived = []
    features.arrived.connect(arrived.append)
    _, answered = asked[0]
    answered(JobOutcome({1: fake_map(np.zeros((8, 8, 3), np.uint8), "a" * 64)}))
    assert arrived == []
    assert features.get(1) is None
    contents[1] = "a" * 64
    assert features.get(1) is not None
