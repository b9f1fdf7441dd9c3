"""What the tests of formats share: a format's own reader and writer on plain values, without a project."""

import dataclasses
from pathlib import Path

import numpy as np

from counterpart.core.formats import FORMATS
from counterpart.core.formats.base import Dataset, ExportOptions, ExportReport, ImportReport
from counterpart.core.formats.polygons import fill_patch
from counterpart.core.formats.source import Source
from counterpart.core.jobs import silent
from counterpart.core.project.model import ImageRecord


def source_of(hw_by_name: dict[str, tuple[int, int]], **more) -> Source:
    """A project of images of known (height, width)."""
    records = [
        ImageRecord(number, name, height=hw[0], width=hw[1])
        for number, (name, hw) in enumerate(hw_by_name.items(), start=1)
    ]
    return Source(records, **more)


def read(name: str, path: Path, source: Source) -> tuple[Dataset, ImportReport]:
    """What a format's reader finds, with all images read."""
    report = ImportReport(name, path)
    reader = FORMATS[name].read
    assert reader is not None
    dataset = reader(path, source, silent(), report)
    return dataclasses.replace(dataset, images=list(dataset.images), matches=list(dataset.matches)), report


def write(name: str, dataset: Dataset, out: Path, **options) -> ExportReport:
    """Write a dataset in a format."""
    writer = FORMATS[name].write
    assert writer is not None
    return writer(dataset, out, ExportOptions(**options), silent())


def ring_area(ring) -> float:
    """Signed area in pixels: positive for a ring that runs clockwise on the screen."""
    xy = np.asarray(ring, np.float64)
    x, y = xy[:, 0], xy[:, 1]
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def fill_rings(rings, hw: tuple[int, int]) -> np.ndarray:
    """(height, width) mask of the pixels inside an odd number of rings."""
    return fill_patch(rings, hw).on(hw)
