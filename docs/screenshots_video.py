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

__all__ = ["take_video"]

_PHOTO, _FRAMES, _DRAWN = "cow.jpg", 32, (0, 20)
_SHOWN = 12


def take_video(studio: Studio, shot: Callable[[str], None]) -> None:
    """Open frames, annotate two, propagate, and look at one between them. The photographs have their parts already."""
    window = studio.window
    document = window.session.document
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
    window.commands.set_paired(False)
    window.layout_.show_tab(window.parts)
    window.toolbox.choose("select")
    window.session.open_folder(folder)
    studio.wait("the frames", lambda: window.images.model.total == _FRAMES)
    window.actions_["sequence"].trigger()
    fresh = window.session.document
    assert fresh is not None
    for part in parts:
        window.session.do(AddPart(part.name, part.colour))
    ids = {part.name: part.id for part in fresh.parts}
    table = np.zeros(256, np.uint8)
    for part in parts:
        table[part.id] = ids[part.name]
    for frame in _DRAWN:
        bbox = (0, 0, VIEW[1], VIEW[0])
        window.session.do(SetLabels(fresh.image_ids[frame], bbox, table[seen(labels, boxes[frame])], hw=bbox[2:]))
    window.session.do(SetReviewState([fresh.image_ids[_DRAWN[0]]], "reviewed"))
    window.actions_["propagate_all"].trigger()
    studio.wait("the propagation", lambda: not window.runner.busy)
    window.tracking.go(_SHOWN)
    studio.wait("the frame", lambda: window.canvas.panes[0].image_key == fresh.image_ids[_SHOWN])
    window.notice.hide()
    studio.settle(1.5)
    shot("timeline")
