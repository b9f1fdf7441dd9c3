"""PASCAL VOC segmentation: `SegmentationClass/*.png`, the list of names, and what the values mean.

Pixel values are part ids (1..254), 0 is background; the palette is the parts' own colours. `labelmap.txt` lists
`name:r,g,b::` in the order of the values. Names are flat, as VOC's are: `a/b.jpg` becomes `a__b`. Read are pictures in
colour, too, as CVAT and Datumaro write them, and lists in any order (`legends`); 255, VOC's unlabelled seam, becomes
background, which the report counts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from counterpart.core.errors import FormatError
from counterpart.core.files import atomic_folder
from counterpart.core.folders import files_below
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
from counterpart.core.formats.fields import read_bytes
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.legends import VOID, find_legend, voc_legend
from counterpart.core.formats.naming import flat_names
from counterpart.core.formats.pictures import encode_label_png, palette_of, read_coloured, voc_palette
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel
from counterpart.core.project.tiles import pack_labels

_BOXES = "are bounding boxes, which are no masks: nothing would change"
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
            if max(image.labels.areas, default=0) >= VOID:
                report.skipped.append((image.name, f"it has a part with an id above {VOID - 1}"))
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
    """Read the class masks of a VOC folder, its own or those of CVAT and Datumaro.

    Raises:
        FormatError: There are none, or `labelmap.txt` is damaged.
    """
    if path.suffix.lower() == ".xml":
        raise FormatError(f"the file's objects {_BOXES}", path=path, hint="Choose a folder with SegmentationClass")
    folder = path.parent if path.name == "SegmentationClass" else path
    masks = folder / "SegmentationClass"
    files = sorted(files_below(masks, "*.[pP][nN][gG]")) if masks.is_dir() else []
    if not files:
        boxes = (folder / "Annotations").is_dir()
        what = f"the files in Annotations {_BOXES}" if boxes else "there are no masks in SegmentationClass here"
        raise FormatError(what, path=path, hint="Choose the folder that contains SegmentationClass")
    objects = folder / "SegmentationObject"
    source.pass_over([*files, *(files_below(objects, "*.png") if objects.is_dir() else ())])
    if objects.is_dir():
        report.lost.append(("SegmentationObject", "which pixels of a class are one object"))
    legend = find_legend((folder,))
    parts = legend.parts() if legend is not None else _unnamed(files, ctx)
    chosen = legend or voc_legend(_CLASSES)

    def load(index: int) -> AnnotatedImage | None:
        file = files[index]
        name = file.relative_to(masks).as_posix()
        try:
            labels, void = chosen.read(read_coloured(read_bytes(file), file), file)
        except FormatError as error:
            report.skipped.append((name, error.what))
            return None
        if void:
            report.lost.append((name, f"{void} unlabelled pixels became background"))
        declared = labels.shape[0], labels.shape[1]
        bare = name.removesuffix(file.suffix)
        placed = source.place(bare, folders=(folder / "JPEGImages",), declared=declared, bare=True)
        return AnnotatedImage.at(placed, pack_labels(placed.mask(labels)))

    return Dataset(parts=parts, images=LazyImages(len(files), load))


def _unnamed(files: list[Path], ctx: JobContext) -> tuple[PartLabel, ...]:
    """What the values mean without a list: VOC's own classes while the values are among them."""
    values: set[int] = set()
    for number, file in enumerate(files):
        ctx.step(number, len(files), f"Looking at {file.name}")
        try:
            labels, _ = voc_legend(_CLASSES).read(read_coloured(read_bytes(file), file), file)
            values |= {int(value) for value in np.unique(labels)}
        except FormatError:
            continue  # named when it is read
    values -= {0}
    own = max(values, default=0) <= len(_CLASSES)
    names = {value: _CLASSES[value - 1] if own else f"class {value}" for value in values}
    return tuple(PartLabel(value, names[value], voc_palette(value), value - 1) for value in sorted(values))
