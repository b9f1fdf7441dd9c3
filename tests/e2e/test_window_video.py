"""A video in the real window with the real model: drawn on one frame, carried to the others, corrected."""

import numpy as np
import pytest
from PIL import Image, ImageDraw
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from counterpart.core.project.commands import AddPart
from counterpart.core.project.sequence import FrameState
from counterpart.core.resources import resource_path
from docs.camera import camera_path, seen

MINUTES = 60_000
LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
# fmt: off
COW = [
    (108, 352), (120, 250), (160, 220), (210, 235), (400, 205), (660, 212), (704, 250), (714, 540),
    (690, 545), (655, 420), (602, 460), (575, 555), (560, 545), (596, 425), (400, 425), (372, 430),
    (366, 555), (345, 555), (318, 540), (290, 550), (318, 430), (262, 410), (205, 325), (130, 362),
]
# fmt: on
"""Corners of the cow's outline in the photograph, xy."""
COUNT = 6


@pytest.fixture
def window(qtbot, qapp, tmp_path, monkeypatch, focus_model):
    from counterpart.desktop.shell.settings import Settings
    from counterpart.desktop.widgets.theme import apply_theme
    from counterpart.desktop.window.main_window import MainWindow

    apply_theme(qapp, "dark")
    monkeypatch.setenv("COUNTERPART_PROJECTS", str(tmp_path / "projects"))
    made = MainWindow(Settings(tmp_path / "window.ini"))
    made.resize(1280, 800)
    made.show()
    qtbot.waitExposed(made)
    yield made
    made.close()
    made.deleteLater()


@pytest.fixture
def clip(tmp_path):
    """Frames of a view that goes over the photograph of a cow, and where the cow is in each."""
    photo = np.asarray(Image.open(resource_path("samples") / "cow.jpg").convert("RGB"))
    outline = Image.new("L", (photo.shape[1], photo.shape[0]))
    ImageDraw.Draw(outline).polygon(COW, fill=1)
    folder = tmp_path / "cow"
    folder.mkdir()
    boxes = list(camera_path((photo.shape[1], photo.shape[0]), COUNT))
    for number, box in enumerate(boxes):
        Image.fromarray(seen(photo, box)).save(folder / f"{number:05d}.jpg", quality=92)
    return folder, boxes, [seen(np.asarray(outline), box) > 0 for box in boxes]


def draw(window, box):
    """Click the corners of the cow with the polygon tool."""
    window.bench.toolbox.choose("polygon")
    scale = 480 / (box[2] - box[0])
    for x, y in COW:
        at = window.bench.canvas.panes[0].view.to_widget(((x - box[0]) * scale, (y - box[1]) * scale))
        QTest.mouseClick(window.bench.canvas, LEFT, NONE, QPoint(round(at[0]), round(at[1])))
    QTest.keyClick(window, Qt.Key.Key_Return)


def jaccard(window, truths):
    document = window.bench.session.document
    values = []
    for image, truth in zip(document.image_ids, truths, strict=True):
        found = document.label_map(image)
        mask = np.zeros_like(truth) if found is None else found.labels > 0
        values.append((mask & truth).sum() / (mask | truth).sum())
    return np.array(values)


def test_an_outline_drawn_once_follows_the_animal_through_the_video(qtbot, window, clip, tmp_path):
    folder, boxes, truths = clip
    window.bench.session.open_folder(folder)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].photo is not None, timeout=10_000)
    window.bench.actions["sequence"].trigger()
    window.bench.session.do(AddPart("cow"))
    window.parts.commands.choose(1)
    draw(window, boxes[0])
    assert jaccard(window, truths)[0] > 0.97
    QTest.keyClick(window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert window.bench.jobs.busy
    qtbot.waitUntil(lambda: not window.bench.jobs.busy, timeout=5 * MINUTES)
    assert "Tracked to 5 frames" in window.bench.layout.notice.text
    first = jaccard(window, truths)
    assert first.mean() > 0.85
    assert FrameState.NONE not in window.video.timeline.panel.track.states

    window.video.timeline.go(COUNT - 1)
    qtbot.waitUntil(lambda: window.bench.canvas.panes[0].image_key == window.bench.session.document.image_ids[-1])
    draw(window, boxes[-1])
    QTest.keyClick(window, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not window.bench.jobs.busy, timeout=5 * MINUTES)
    second = jaccard(window, truths)
    assert second[1:-1].mean() > first[1:-1].mean()
    window.bench.actions["undo"].trigger()
    assert np.allclose(jaccard(window, truths)[:-1], first[:-1])
