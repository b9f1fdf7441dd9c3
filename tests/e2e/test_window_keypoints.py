"""Keypoints as a person works on them, with the real model, on photographs that come with the program."""

import json
import shutil

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt

from counterpart.core.project.commands import AddInstance, AddSkeleton
from counterpart.core.project.points import KeypointSet, MatchState, Origin, Skeleton
from counterpart.core.resources import resource_path

LEFT = Qt.MouseButton.LeftButton
MINUTES = 60_000
TEMPLATES, OTHERS = ("horse.jpg", "ibex.jpg"), ("cow.jpg", "goat.jpg")


def sample_points():
    """The skeleton, and the hand-placed points by file name: (K, 2) xy and visibility."""
    data = json.loads(resource_path("samples", "keypoints.json").read_text())
    category = data["categories"][0]
    edges = tuple((a - 1, b - 1) for a, b in category["skeleton"])
    names = {image["id"]: image["file_name"] for image in data["images"]}
    points = {
        names[each["image_id"]]: np.array(each["keypoints"], float).reshape(-1, 3) for each in data["annotations"]
    }
    return Skeleton(tuple(category["keypoints"]), edges, name=category["name"]), points


@pytest.fixture
def window(qtbot, qapp, tmp_path, monkeypatch, focus_model):
    """Four photographs, two of them with hand-placed keypoints."""
    from counterpart.desktop.shell.settings import Settings
    from counterpart.desktop.widgets.theme import apply_theme
    from counterpart.desktop.window.main_window import MainWindow

    apply_theme(qapp, "dark")
    monkeypatch.setenv("COUNTERPART_PROJECTS", str(tmp_path / "projects"))
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in (*TEMPLATES, *OTHERS):
        shutil.copy(resource_path("samples", name), photos)
    made = MainWindow(Settings(tmp_path / "window.ini"))
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    made.bench.session.open_folder(photos)
    qtbot.waitUntil(lambda: made.bench.canvas.panes[0].photo is not None, timeout=10_000)
    skeleton, points = sample_points()
    made.bench.session.do(AddSkeleton(skeleton))
    for name in TEMPLATES:
        placed = KeypointSet.make(points[name][:, :2], points[name][:, 2], skeleton=1)
        made.bench.session.do(AddInstance(made.bench.session.document.find_image(name).id, placed))
    yield made
    made.close()
    made.deleteLater()


def image(window, name):
    return window.bench.session.document.find_image(name).id


def show(qtbot, window, name):
    window.images.panel.select(image(window, name))
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].image_key == image(window, name), timeout=10_000)


def spot(view, xy):
    return QPoint(*np.rint(view.to_widget(xy)).astype(int).tolist())


def test_two_templates_lead_to_points_on_the_others_and_a_confirmed_one_makes_the_rest_surer(qtbot, window):
    document = window.bench.session.document
    show(qtbot, window, "cow.jpg")
    window.bench.toolbox.choose("keypoint")
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=5 * MINUTES):
        qtbot.mouseClick(window.keypoints.panel.transfer_button, LEFT)
    (cow,) = document.keypoints(image(window, "cow.jpg"))
    truth = sample_points()[1]["cow.jpg"]
    error = np.hypot(*(cow.xy - truth[:, :2]).T) / 612
    assert (error < 0.1).mean() >= 0.6
    assert (cow.visibility == np.where(cow.score < 0.5, 1, 2)).all()
    assert cow.score[error < 0.1].mean() > cow.score[error >= 0.1].mean()

    # Correct what is wrong by hand, confirm the rest: the goat is then done again from three.
    view = window.bench.canvas.panes[0].view
    for index in np.flatnonzero(error >= 0.1).tolist():
        window.keypoints.view.select(cow.instance, index)
        start, goal = (
            QPoint(*np.rint(view.to_widget(xy)).astype(int).tolist()) for xy in (cow.xy[index], truth[index, :2])
        )
        hit = window.keypoints.view.layer.hit(0, start.toPointF())
        qtbot.mousePress(window.bench.canvas, LEFT, pos=start)
        qtbot.mouseMove(window.bench.canvas, start + (goal - start) / 2)
        qtbot.mouseMove(window.bench.canvas, goal)
        qtbot.mouseRelease(window.bench.canvas, LEFT, pos=goal)
        (now,) = document.keypoints(image(window, "cow.jpg"))
        assert now.xy[hit.index] == pytest.approx(truth[index, :2], abs=2)
    before = document.keypoints(image(window, "goat.jpg"))[0].score.mean()
    window.keypoints.panel.again.setChecked(True)
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=5 * MINUTES):
        qtbot.keyClick(window.bench.canvas, Qt.Key.Key_Return)
    assert document.image(image(window, "cow.jpg")).state == "reviewed"
    (cow,) = document.keypoints(image(window, "cow.jpg"))
    assert (cow.origin != Origin.TRANSFERRED).all()
    after = document.keypoints(image(window, "goat.jpg"))[0].score.mean()
    assert "3 templates" in window.keypoints.panel.gain.text()
    assert f"{after:.0%}" in window.keypoints.panel.gain.text()
    assert f"{before:.0%}" in window.keypoints.panel.gain.text()

    # The queue has the goat's points alone, the least sure first; a check runs over the three confirmed images.
    panel = window.keypoints.checks.panel
    window.bench.layout.show_tab(panel)
    qtbot.waitUntil(lambda: len(panel.queue.model.rows) == 15)
    assert {row.image for row in panel.queue.model.rows} == {image(window, "goat.jpg")}
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=2 * MINUTES):
        qtbot.mouseClick(panel.queue.check_button, LEFT)
    assert "45 confirmed points checked" in window.bench.layout.notice.text
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=2 * MINUTES):
        panel.quality.button.click()
    quality = panel.quality.model.quality
    assert quality.instances == 3
    assert quality.overall > quality.overall_baseline


def test_a_click_in_the_paired_view_finds_the_same_place_of_another_animal(qtbot, window):
    show(qtbot, window, "horse.jpg")
    window.images.show_right(image(window, "ibex.jpg"))
    qtbot.waitUntil(lambda: window.matches.editor.matches is not None, timeout=2 * MINUTES)
    count = len(window.matches.editor.matches)
    points = sample_points()[1]
    errors = []
    for keypoint in (0, 2, 8):  # nose, right eye, left front hoof
        x, y = points["horse.jpg"][keypoint, :2]
        window.matches.editor._place_clicked(0, float(x), float(y))
        count += 1
        qtbot.waitUntil(lambda count=count: len(window.matches.editor.matches) == count, timeout=MINUTES)
        errors.append(np.hypot(*(window.matches.editor.matches.xy_b[-1] - points["ibex.jpg"][keypoint, :2])) / 553)
    assert np.median(errors) < 0.15
    assert (window.matches.editor.matches.state[-3:] == MatchState.PROPOSED).all()


def test_landmarks_from_parts_need_three_images_and_then_reach_the_others_as_one_step(qtbot, window):
    document = window.bench.session.document
    window.bench.actions["landmarks"].trigger()
    assert "at least 3 images" in window.bench.layout.notice.text
    _, points = sample_points()
    placed = KeypointSet.make(points["cow.jpg"][:, :2], points["cow.jpg"][:, 2], skeleton=1)
    window.bench.session.do(AddInstance(image(window, "cow.jpg"), placed))
    with qtbot.waitSignal(window.bench.jobs.ended, timeout=5 * MINUTES):
        window.bench.actions["landmarks"].trigger()
    (goat,) = document.keypoints(image(window, "goat.jpg"))
    record = document.image(image(window, "goat.jpg"))
    learnt = goat.visibility > 0
    assert learnt.sum() >= len(goat) // 2
    assert (goat.xy[learnt] > -record.width / 4).all()
    assert (goat.xy[learnt] < 1.25 * np.array([record.width, record.height])).all()
    assert set(np.asarray(goat.origin)[learnt].tolist()) == {Origin.TRANSFERRED}
    assert document.keypoints(image(window, "cow.jpg"))[0].xy == pytest.approx(placed.xy)
    window.bench.actions["undo"].trigger()
    assert document.keypoints(image(window, "goat.jpg")) == ()
