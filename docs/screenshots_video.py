"""The picture of the timeline: a view that goes over a photograph, its parts on two frames carried to the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from counterpart.core.project.commands import AddPart, SetLabels, SetReviewState
from docs.camera import VIEW, camera_path, seen

if TYPE_CHECKING:
    from docs.screenshots import Studio

_PHOTO, _FRAMES, _DRAWN = "cow.jpg", 32, (0, 20)
_SHOWN = 12


def take_video(studio: Studio, shot: Callable[[str], None]) -> None:
    """Open frames, annotate two, track, and look at one between them. The photographs have their parts already."""
    window = studio.window
    document = window.bench.session.document
    assert document is not None
    found = document.label_map(studio.image(_PHOTO))
    assert found is not None
    labels, parts = found.labels.astype(np.uint8), document.parts
    photo = np.asarray(Image.open(studio.photos / _PHOTO).convert("RGB"))
    folder = studio.photos.parent / "meadow"
    folder.mkdir()
    boxes = list(camera_path((photo.shape[1], photo.shape[0]), _FRAMES))
    for number, box in enumerate(boxes):
        Image.fromarray(seen(photo, box)).save(folder / f"{number:05d}.jpg", quality=92)
    window.images.set_paired(False)
    window.bench.layout.show_tab(window.parts.panel)
    window.bench.toolbox.choose("select")
    window.bench.session.open_folder(folder)
    studio.wait("the frames", lambda: window.images.panel.model.total == _FRAMES)
    window.bench.actions["sequence"].trigger()
    fresh = window.bench.session.document
    assert fresh is not None
    for part in parts:
        window.bench.session.do(AddPart(part.name, part.colour))
    ids = {part.name: part.id for part in fresh.parts}
    table = np.zeros(256, np.uint8)
    for part in parts:
        table[part.id] = ids[part.name]
    for frame in _DRAWN:
        bbox = (0, 0, VIEW[1], VIEW[0])
        window.bench.session.do(SetLabels(fresh.image_ids[frame], bbox, table[seen(labels, boxes[frame])], hw=bbox[2:]))
    window.bench.session.do(SetReviewState([fresh.image_ids[_DRAWN[0]]], "reviewed"))
    window.bench.actions["track_all"].trigger()
    studio.wait("the tracking", lambda: not window.bench.jobs.busy)
    window.video.timeline.go(_SHOWN)
    studio.wait("the frame", lambda: window.bench.canvas.panes[0].image_key == fresh.image_ids[_SHOWN])
    window.bench.layout.notice.hide()
    studio.settle(1.5)
    shot("timeline")
