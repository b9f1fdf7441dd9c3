"""The pictures of keypoints: the sample photographs with the points that come along, transferred to the others."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, Qt

from counterpart.core.formats.base import ImportReport
from counterpart.core.formats.coco_keypoints import read_coco_keypoints
from counterpart.core.formats.naming import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.commands import AddInstance, AddSkeleton
from counterpart.core.resources import resource_path

if TYPE_CHECKING:
    from docs.screenshots import Studio

TEMPLATES = ("horse.jpg", "ibex.jpg", "cow.jpg")


def take_points(studio: Studio, shot: Callable[[str], None]) -> None:
    """Place the sample keypoints on three photographs, transfer them to the others, and check them."""
    window = studio.window
    _open_anew(studio)
    _place(studio)
    done: list[str] = []
    window.bench.jobs.ended.connect(lambda job, _outcome: done.append(job.kind))
    studio.show("goat.jpg")
    window.bench.toolbox.choose("keypoint")
    window.keypoints.panel.transfer_button.click()
    studio.wait("the keypoints", lambda: "keypoints" in done)
    window.bench.layout.notice.hide()
    points = window.keypoints.view.active(studio.image("goat.jpg"))
    assert points is not None
    at = QPointF(*window.bench.canvas.panes[0].view.to_widget(points.xy[0]))
    studio.mouse(QEvent.Type.MouseMove, at, Qt.MouseButton.NoButton)
    shot("keypoints")
    window.images.show_right(studio.image("pig.jpg"))
    studio.show("horse.jpg")
    studio.wait("the pig", lambda: window.bench.canvas.panes[1].image_key == studio.image("pig.jpg"))
    studio.settle(2.0)
    shot("targets")
    window.images.set_paired(False)
    checks = window.keypoints.checks
    window.bench.layout.show_tab(checks.panel)
    studio.settle(0.5)
    first = checks.panel.queue.model.rows[0]
    checks.panel.queue.table.selectRow(0)
    studio.wait("the most doubtful point", lambda: window.bench.canvas.panes[0].image_key == first.image)
    studio.settle(1.0)
    shot("check")


def _open_anew(studio: Studio) -> None:
    """The same photographs in a project of their own, without parts over them."""
    folder = studio.photos.with_name("animals")
    if not folder.exists():
        shutil.copytree(studio.photos, folder)
    studio.photos = folder
    studio.window.images.set_paired(False)
    studio.open()
    studio.settle(1.0)


def _place(studio: Studio) -> None:
    file = resource_path("samples", "keypoints.json")
    dataset = read_coco_keypoints(file, Source(), JobContext(), ImportReport("coco-keypoints", file))
    session = studio.window.bench.session
    add = AddSkeleton(dataset.skeletons[0])
    session.do(add)
    for image in dataset.images:
        name = Path(image.name).name
        if name in TEMPLATES:
            for points in image.keypoints:
                placed = dataclasses.replace(points, skeleton=add.outcome.created[0], template=True, box=None)
                session.do(AddInstance(studio.image(name), placed))
