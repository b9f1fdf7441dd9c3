"""Copies of images where a format expects them beside its annotations."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from counterpart.core.errors import ImageError
from counterpart.core.formats.base import AnnotatedImage, Dataset, ExportOptions, ExportReport, put_file
from counterpart.core.formats.naming import safe_name
from counterpart.core.images.orientation import UPRIGHT
from counterpart.core.images.reading import image_size, orientation_of, read_image


def copy_images(
    dataset: Dataset,
    folder: Path,
    options: ExportOptions,
    report: ExportReport,
    names: Mapping[str, str] | None = None,
) -> None:
    """Copy the images that were exported, where the options ask for it.

    Args:
        dataset: What is exported.
        folder: Where the copies go.
        options: Whether to.
        report: Gets the images that could not be copied.
        names: Name of each copy below the folder; the image's own when left out.
    """
    if not options.copy_images:
        return
    left_out = {name for name, _ in report.skipped}
    for image in dataset.images:
        if image.name in left_out:
            continue
        data = photograph(image, report)
        if data is not None:
            put_file(folder / (safe_name(image.name) if names is None else names[image.name]), data)


def photograph(image: AnnotatedImage, report: ExportReport) -> bytes | None:
    """The bytes of an image's file for a copy: upright, as the annotations are; None where it is no image.

    Args:
        image: The image.
        report: Gets what could not be copied, and what was turned.
    """
    if image.file is None:
        report.lost.append((image.name, "the image itself: its file could not be read"))
        return None
    try:
        image_size(image.file)  # whatever a list of images says, nothing else is copied
        if orientation_of(image.file) == UPRIGHT:
            return image.file.read_bytes()
        kind = Image.registered_extensions().get(image.file.suffix.lower(), "")
        buffer = io.BytesIO()
        options = {"subsampling": 0} if kind == "JPEG" else {}
        Image.fromarray(read_image(image.file).rgb).save(buffer, kind, quality=95, **options)
    except (ImageError, OSError, KeyError, ValueError):
        report.lost.append((image.name, "the image itself: its file could not be read"))
        return None
    note = "Photographs that cameras stored turned were copied upright, as their annotations are"
    if note not in report.notes:
        report.notes.append(note)
    return buffer.getvalue()
