"""Indexed PNGs: one picture of labels per image, with the parts' colours as its palette, and a legend.

A folder. `a/b.jpg` becomes `a/b.png`; pixel values are part ids, 0 is background; ids above 255 make a 16-bit grey PNG.
`labels.json` names the parts. Read without a legend, value v becomes a part named `part v`, and pictures of 0 and 255
alone are masks of one part named `object`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from counterpart.core.errors import FormatError
from counterpart.core.files import atomic_folder, write_json
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
from counterpart.core.formats.fields import read_bytes, read_json
from counterpart.core.formats.label_studio_png import is_label_studio, read_brushes
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.legends import find_legend
from counterpart.core.formats.naming import output_names
from counterpart.core.formats.pictures import encode_label_png, palette_of, read_coloured, read_label_picture
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import MAX_PART_ID, Labels, PartLabel
from counterpart.core.project.palette import colour_at, colour_hex, parse_colour
from counterpart.core.project.tiles import pack_labels

LEGEND = "labels.json"
_MASK_OF = re.compile(
    r"(?<=.)[_\-. ](mask|masks|seg|segmentation|label|labels|labelids|gt|annotation|matte)$", re.IGNORECASE
)
OBJECT = (PartLabel(1, "object", colour_at(0)),)
"""The part of pictures that only tell inside from outside."""


def write_indexed_png(dataset: Dataset, out: Path, _options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the label maps of a dataset into a folder."""
    report = ExportReport("indexed-png", out)
    names = output_names(dataset.image_names(), ".png")
    colours = palette_of(dataset.parts)
    images: dict[str, str] = {}
    with atomic_folder(out) as folder:
        for image in with_progress(dataset.images, ctx, "Writing"):
            if image.labels is None:
                report.skipped.append((image.name, "it has no labels"))
                continue
            put_file(folder / names[image.name], encode_label_png(image.labels.unpack(), colours))
            images[names[image.name]] = image.name
            report.images += 1
            report.annotations += len(image.labels.areas)
            if image.keypoints:
                report.lost.append((image.name, "keypoints"))
        write_legend(folder / LEGEND, dataset.parts, images)
    return report


def write_legend(path: Path, parts: Sequence[PartLabel], images: dict[str, str]) -> None:
    """Write what pixel values mean and which picture belongs to which image."""
    entries = [{"id": part.id, "name": part.name, "colour": colour_hex(part.colour)} for part in parts]
    write_json(path, {"background": 0, "parts": entries, "images": images}, indent=1)


def read_indexed_png(path: Path, source: Source, ctx: JobContext, report: ImportReport) -> Dataset:
    """Read a folder of label pictures, or one picture.

    The legend is our own `labels.json`, or a list of another program, by which pictures in colour are read as well.

    Raises:
        FormatError: There are none, or the legend is damaged.
    """
    folder = path if path.is_dir() else path.parent
    files = sorted(files_below(path, "*.[pP][nN][gG]")) if path.is_dir() else [path]
    if not files or not all(file.is_file() for file in files):
        raise FormatError("there are no PNG files here", path=path, hint="Choose the folder with the label pictures")
    files = _label_pictures(files)
    source.pass_over(files)
    if is_label_studio(files):
        return read_brushes(files, folder, source, report)
    own = (folder / LEGEND).is_file()
    parts, names = read_legend(folder / LEGEND) if own else ((), {})
    legend = None if own else find_legend((folder, folder.parent, folder.parent.parent, files[0].parent))
    values = labels_in(files, folder, ctx) if not parts and legend is None else set()
    binary = values == {255}
    if legend is not None:
        parts = legend.parts()
    elif not parts:
        parts = OBJECT if binary else unnamed_parts(values, "part")

    def load(index: int) -> AnnotatedImage | None:
        file, void = files[index], 0
        relative = file.relative_to(folder).as_posix()
        try:
            if legend is not None:
                labels, void = legend.read(read_coloured(read_bytes(file), file), file)
            else:
                labels = read_label_picture(read_bytes(file), file)
        except FormatError as error:
            report.skipped.append((relative, error.what))
            return None
        if void:
            report.lost.append((relative, f"{void} unlabelled pixels became background"))
        if binary:
            labels = (labels > 0).astype(np.uint8)
        unknown = {int(value) for value in np.unique(labels)} - {0, *(part.id for part in parts)}
        if unknown:
            report.skipped.append((relative, f"it has the value {min(unknown)}, which the legend does not name"))
            return None
        placed = _place(relative.removesuffix(file.suffix), names.get(relative), labels, source)
        return AnnotatedImage.at(placed, pack_labels(placed.mask(labels)))

    return Dataset(parts=parts, images=LazyImages(len(files), load))


def _place(bare: str, given: str | None, labels: Labels, source: Source) -> Placed:
    """The photograph of a picture: that of the legend, else the one of its name, else of that without `_mask`."""
    declared = labels.shape[0], labels.shape[1]
    if given is not None:
        return source.place(given, declared=declared)
    placed = source.place(bare, declared=declared, bare=True)  # `cat.png` and `cat.jpg.png` are of `cat.jpg`
    plain = _MASK_OF.sub("", bare)
    if placed.problem and plain != bare:
        other = source.place(plain, declared=declared, bare=True)
        return placed if other.problem else other
    return placed


def _label_pictures(files: Sequence[Path]) -> list[Path]:
    """The files without the photographs among them: `cat.png` beside `cat_mask.png`."""
    there = set(files)
    photographs = {
        file.with_name(_MASK_OF.sub("", file.stem) + file.suffix) for file in files if _MASK_OF.search(file.stem)
    } & there
    return [file for file in files if file not in photographs]


def read_legend(path: Path) -> tuple[tuple[PartLabel, ...], dict[str, str]]:
    """What `write_legend` wrote: the parts, and the image of each picture.

    Raises:
        FormatError: Damaged.
    """
    legend = read_json(path)
    parts = []
    for order, entry in enumerate(legend["parts"]):
        number = entry["id"].integer(1, MAX_PART_ID)
        colour = entry.get("colour")
        parts.append(
            PartLabel(
                number, entry["name"].text(), colour_at(order) if colour is None else parse_colour(colour.text()), order
            )
        )
    images = legend.get("images")
    names = {} if images is None else {picture: name.text() for picture, name in images.items()}
    return tuple(parts), names


def labels_in(files: Sequence[Path], folder: Path, ctx: JobContext) -> set[int]:
    """Every label that occurs in some pictures of a folder, without background."""
    found: set[int] = set()
    for number, file in enumerate(files):
        ctx.step(number, len(files), f"Looking at {file.relative_to(folder).as_posix()}")
        try:
            found |= {int(value) for value in np.unique(read_label_picture(read_bytes(file), file))}
        except FormatError:
            continue  # named when it is read
    return found - {0}


def unnamed_parts(values: set[int], noun: str) -> tuple[PartLabel, ...]:
    """A part for each label of pictures that come without names: `part 3`."""
    return tuple(
        PartLabel(value, f"{noun} {value}", colour_at(order), order) for order, value in enumerate(sorted(values))
    )
