"""PASCAL VOC segmentation: `SegmentationClass/*.png`, the list of names, and what the values mean.

Pixel values are part ids (1..254), 0 is background; the palette is the parts' own colours. `labelmap.txt` lists
`name:r,g,b::` in the order of the values. Names are flat, as VOC's are: `a/b.jpg` becomes `a__b`. Read, 255 (VOC's
unlabelled seam) becomes background, which the report counts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from counterpart.core.errors import FormatError
from counterpart.core.files import atomic_folder
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    put_file,
    with_progress,
)
from counterpart.core.formats.copying import copy_images
from counterpart.core.formats.fields import read_bytes, read_text
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.naming import flat_names
from counterpart.core.formats.pictures import encode_label_png, palette_of, read_label_picture, voc_palette
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel
from counterpart.core.project.tiles import pack_labels

_VOID = 255
_CLASSES = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]


def write_voc(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the label maps of a dataset in VOC's layout."""
    report = ExportReport("voc", out)
    stems = flat_names(dataset.image_names())
    colours = palette_of(dataset.parts)
    listed = []
    with atomic_folder(out) as folder:
        for image in with_progress(dataset.images, ctx, "Writing"):
            if image.labels is None:
                report.skipped.append((image.name, "it has no labels"))
                continue
            if max(image.labels.areas, default=0) >= _VOID:
                report.skipped.append((image.name, f"it has a part with an id above {_VOID - 1}"))
                continue
            data = encode_label_png(image.labels.unpack(), colours)
            put_file(folder / "SegmentationClass" / f"{stems[image.name]}.png", data)
            listed.append(stems[image.name])
            report.images += 1
            report.annotations += len(image.labels.areas)
            if image.keypoints:
                report.lost.append((image.name, "keypoints"))
        put_file(folder / "ImageSets" / "Segmentation" / "default.txt", "".join(f"{stem}\n" for stem in listed))
        put_file(folder / "labelmap.txt", _label_map(dataset))
        copies = {name: stem + Path(name).suffix for name, stem in stems.items()}
        copy_images(dataset, folder / "JPEGImages", options, report, copies)
    return report


def _label_map(dataset: Dataset) -> str:
    lines = ["# label:color_rgb:parts:actions", "background:0,0,0::"]
    by_id = {part.id: part for part in dataset.parts}
    for number in range(1, max(by_id, default=0) + 1):
        part = by_id.get(number)
        name, colour = (f"unused-{number}", (number, number, number)) if part is None else (part.name, part.colour)
        lines.append(f"{name.replace(':', ' ')}:{','.join(str(value) for value in colour)}::")
    return "\n".join(lines) + "\n"


def read_voc(path: Path, source: Source, ctx: JobContext, report: ImportReport) -> Dataset:
    """Read the class masks of a VOC folder.

    Raises:
        FormatError: There are none, or `labelmap.txt` is damaged.
    """
    folder = path.parent if path.name == "SegmentationClass" else path
    files = sorted((folder / "SegmentationClass").glob("*.png"))
    if not files:
        raise FormatError(
            "there are no masks in SegmentationClass here", path=path, hint="Choose the folder that contains it"
        )
    source.pass_over(files)
    parts = _parts(folder, files, ctx)
    known = np.zeros(65_536, np.bool_)
    known[[0, *(part.id for part in parts)]] = True

    def load(index: int) -> AnnotatedImage | None:
        file = files[index]
        try:
            labels = read_label_picture(read_bytes(file), file)
        except FormatError as error:
            report.skipped.append((file.name, error.what))
            return None
        void = int((labels == _VOID).sum())
        if void:
            report.lost.append((file.name, f"{void} unlabelled pixels became background"))
            labels = np.where(labels == _VOID, 0, labels)
        if not known[labels].all():
            report.skipped.append((file.name, "it has a value that labelmap.txt does not name"))
            return None
        declared = labels.shape[0], labels.shape[1]
        placed = source.place(file.stem, folders=(folder / "JPEGImages",), declared=declared, bare=True)
        return AnnotatedImage.at(placed, pack_labels(placed.mask(labels)))

    return Dataset(parts=parts, images=LazyImages(len(files), load))


def _parts(folder: Path, files: list[Path], ctx: JobContext) -> tuple[PartLabel, ...]:
    """What the values mean: from `labelmap.txt`, or VOC's own classes while the values are among them."""
    label_map = folder / "labelmap.txt"
    if label_map.is_file():
        return _read_label_map(label_map)
    values: set[int] = set()
    for number, file in enumerate(files):
        ctx.step(number, len(files), f"Looking at {file.name}")
        try:
            values |= {int(value) for value in np.unique(read_label_picture(read_bytes(file), file))}
        except FormatError:
            continue  # named when it is read
    values -= {0, _VOID}
    names = {value: _CLASSES[value - 1] if max(values) <= len(_CLASSES) else f"class {value}" for value in values}
    return tuple(PartLabel(value, names[value], voc_palette(value), value - 1) for value in sorted(values))


def _read_label_map(path: Path) -> tuple[PartLabel, ...]:
    lines = [line for line in read_text(path).splitlines() if line.strip() and not line.startswith("#")]
    parts = []
    for value, line in enumerate(lines):
        fields = line.split(":")
        try:
            red, green, blue = (int(number) for number in fields[1].split(","))
        except (IndexError, ValueError):
            raise FormatError(
                f"entry {value + 1}: expected name:r,g,b::, found {line[:60]!r}", path=path, hint="Correct the line"
            ) from None
        colour = (red & 255, green & 255, blue & 255)
        if value and not fields[0].startswith("unused-"):
            parts.append(PartLabel(value, fields[0].strip() or f"class {value}", colour, value - 1))
    return tuple(parts)
