"""Label Studio's brush export: a black and white PNG for each label of each task.

Its names, `task-12-annotation-34-by-1-tag-wing-0.png`, say the task and not the photograph: that stands in the JSON
export of the same tasks, which has to lie beside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterpart.core.errors import FormatError
from counterpart.core.formats.base import AnnotatedImage, Dataset, ImportReport
from counterpart.core.formats.fields import read_bytes, read_json
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.pictures import read_label_picture
from counterpart.core.formats.source import Source
from counterpart.core.images.kinds import IMAGE_SUFFIXES
from counterpart.core.project.model import PartLabel
from counterpart.core.project.palette import colour_at
from counterpart.core.project.tiles import pack_labels

_NAME = re.compile(r"task-(\d+)-annotation-\d+(?:-by-.*?)?-tag-(.+)-\d+\.png", re.IGNORECASE)


def is_label_studio(files: Sequence[Path]) -> bool:
    """Whether pictures are called as Label Studio calls them."""
    return bool(files) and all(_NAME.fullmatch(file.name) for file in files)


def read_brushes(files: Sequence[Path], folder: Path, source: Source, report: ImportReport) -> Dataset:
    """Read the pictures of a folder; those of one photograph are joined when they are taken over."""
    images = _images(folder)
    found = [(file, match[1], match[2]) for file in files if (match := _NAME.fullmatch(file.name))]
    names = list(dict.fromkeys(label for _, _, label in found))
    parts = tuple(PartLabel(at + 1, name, colour_at(at), at) for at, name in enumerate(names))

    def load(index: int) -> AnnotatedImage | None:
        file, task, label = found[index]
        if task not in images:
            what = f"nothing says which photograph task {task} is; put Label Studio's JSON export of it beside"
            report.skipped.append((file.name, what))
            return None
        try:
            mask = read_label_picture(read_bytes(file), file) > 0
        except FormatError as error:
            report.skipped.append((file.name, error.what))
            return None
        placed = source.place(images[task], declared=(mask.shape[0], mask.shape[1]))
        if placed.problem:
            return AnnotatedImage.at(placed)
        labels = placed.mask(mask).astype(np.uint16) * np.uint16(names.index(label) + 1)
        return AnnotatedImage.at(placed, pack_labels(labels))

    return Dataset(parts=parts, images=LazyImages(len(found), load))


def _images(folder: Path) -> dict[str, str]:
    """The photograph of each task, by the JSON exports in a folder and the one above."""
    found: dict[str, str] = {}
    for file in sorted([*folder.glob("*.json"), *folder.parent.glob("*.json")]):
        try:
            tasks = read_json(file).value
        except FormatError:
            continue  # whatever it is, it is not the list of tasks
        for task in tasks if isinstance(tasks, list) else ():
            data = task.get("data") if isinstance(task, dict) else None
            texts = [text for text in data.values() if isinstance(text, str)] if isinstance(data, dict) else []
            images = [
                text for text in texts if Path(text.split("?d=")[-1].split("?")[0]).suffix.lower() in IMAGE_SUFFIXES
            ]
            if len(images) == 1:
                found[str(task.get("id"))] = images[0]
    return found
