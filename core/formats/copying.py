"""Copies of images where a format expects them beside its annotations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from counterpart.core.formats.base import Dataset, ExportOptions, ExportReport, put_file
from counterpart.core.formats.naming import safe_name


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
        try:
            data = None if image.file is None else image.file.read_bytes()
        except OSError:
            data = None
        if data is None:
            report.lost.append((image.name, "the image itself: its file could not be read"))
        else:
            put_file(folder / (safe_name(image.name) if names is None else names[image.name]), data)
