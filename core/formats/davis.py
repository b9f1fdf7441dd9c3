"""DAVIS: sequences of frames with a label picture each, as in the benchmarks of 2016 and 2017.

`Annotations/480p/NAME/00000.png`, `JPEGImages/480p/NAME/00000.jpg` where copies are wanted, and
`ImageSets/2017/val.txt` with the names of the sequences. A sequence is a folder of images; frames are numbered from 0
in the images' order. Pixel values are part ids (1..254), 0 is background; the palette is the parts' own colours.
`labels.json`, which DAVIS does not have, names the parts and says which image each picture belongs to. Read without it,
value v becomes a part named `object v`; pictures of 0 and 255 alone (2016) are masks of one part; 255 among other
values becomes background.
"""

from __future__ import annotations

import io
import re
from collections import Counter
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from counterpart.core.errors import FormatError, ImageError
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
from counterpart.core.formats.copying import photograph
from counterpart.core.formats.fields import read_bytes
from counterpart.core.formats.indexed_png import LEGEND, OBJECT, labels_in, read_legend, unnamed_parts, write_legend
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.naming import flat_names, safe_name
from counterpart.core.formats.pictures import encode_label_png, palette_of, read_label_picture
from counterpart.core.formats.source import Source
from counterpart.core.images.reading import read_image
from counterpart.core.jobs import JobContext
from counterpart.core.project.tiles import pack_labels

_VOID = 255
_LEVELS = ("480p", "Full-Resolution", "1080p")
_JPEG = (".jpg", ".jpeg")


def write_davis(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the label maps of a dataset in DAVIS's layout."""
    report = ExportReport("davis", out)
    places = _places(dataset)
    colours = palette_of(dataset.parts)
    images: dict[str, str] = {}
    converted = 0
    with atomic_folder(out) as folder:
        for image in with_progress(dataset.images, ctx, "Writing"):
            place = places[image.name]
            if options.copy_images:
                converted += _copy(image, folder / "JPEGImages" / "480p" / f"{place}.jpg", report)
            if image.labels is None:
                report.skipped.append((image.name, "it has no labels"))
                continue
            if max(image.labels.areas, default=0) >= _VOID:
                report.skipped.append((image.name, f"it has a part with an id above {_VOID - 1}"))
                continue
            picture = f"Annotations/480p/{place}.png"
            put_file(folder / picture, encode_label_png(image.labels.unpack(), colours))
            images[picture] = image.name
            report.images += 1
            report.annotations += len(image.labels.areas)
            if image.keypoints:
                report.lost.append((image.name, "keypoints"))
        names = sorted({str(PurePosixPath(place).parent) for place in places.values()})
        put_file(folder / "ImageSets" / "2017" / "val.txt", "".join(f"{name}\n" for name in names))
        write_legend(folder / LEGEND, dataset.parts, images)
    report.notes.append(f"Frames are numbered from 0; {LEGEND} says which image each one is")
    if converted:
        report.notes.append(f"{converted} images were converted to JPEG, which DAVIS expects")
    return report


def _places(dataset: Dataset) -> dict[str, str]:
    """Sequence and number of each image: `bear/00000`."""
    names = dataset.image_names()
    folders = {name: str(PurePosixPath(safe_name(name)).parent) for name in names}
    titles = flat_names(sorted({"sequence" if folder == "." else f"{folder}.x" for folder in folders.values()}))
    counts: Counter[str] = Counter()
    places = {}
    for name in names:
        folder = folders[name]
        title = titles["sequence" if folder == "." else f"{folder}.x"]
        places[name] = f"{title}/{counts[title]:05d}"
        counts[title] += 1
    return places


def _copy(image: AnnotatedImage, target: Path, report: ExportReport) -> bool:
    """Put an image where DAVIS has it; whether it had to become a JPEG."""
    converted = image.file is not None and image.file.suffix.lower() not in _JPEG
    data = photograph(image, report)
    if data is None or image.file is None:
        return False
    try:
        put_file(target, _jpeg(image.file) if converted else data)
    except ImageError:
        report.lost.append((image.name, "the image itself: its file could not be read"))
        return False
    return converted


def _jpeg(file: Path) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(read_image(file).rgb).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def read_davis(path: Path, source: Source, ctx: JobContext, report: ImportReport) -> Dataset:
    """Read the masks of all sequences of a DAVIS folder.

    Raises:
        FormatError: There are none, or `labels.json` is damaged.
    """
    folder = path.parent if path.name == "Annotations" else path
    level = _level(folder / "Annotations")
    files = sorted(files_below(level, "*.png")) if level.is_dir() else []
    if not files:
        raise FormatError(
            "there are no masks in Annotations here", path=path, hint="Choose the folder that contains it"
        )
    source.pass_over(files)
    parts, names = read_legend(folder / LEGEND) if (folder / LEGEND).is_file() else ((), {})
    values = set() if parts else labels_in(files, level, ctx)
    binary = values == {_VOID}
    if not parts:
        objects = values - {_VOID}
        parts = OBJECT if binary or objects == {1} else unnamed_parts(objects, "object")
    frames = _level(folder / "JPEGImages")
    known = np.zeros(65_536, np.bool_)
    known[[0, *(part.id for part in parts)]] = True

    def load(index: int) -> AnnotatedImage | None:
        file = files[index]
        shown = file.relative_to(level).as_posix()
        try:
            labels = read_label_picture(read_bytes(file), file)
        except FormatError as error:
            report.skipped.append((shown, error.what))
            return None
        if binary:
            labels = (labels == _VOID).astype(np.uint8)
        void = int((labels == _VOID).sum())
        if void:
            report.lost.append((shown, f"{void} unlabelled pixels became background"))
            labels = np.where(labels == _VOID, 0, labels)
        if not known[labels].all():
            report.skipped.append((shown, f"it has a value that {LEGEND} does not name"))
            return None
        declared = labels.shape[0], labels.shape[1]
        given = names.get(file.relative_to(folder).as_posix())
        frame = str(PurePosixPath(shown).with_suffix(""))
        placed = source.place(given or frame, folders=(frames,), declared=declared, bare=given is None)
        if placed.problem and given is not None:  # copied photographs are numbered; labels.json has their own names
            placed = source.place(frame, folders=(frames,), declared=declared, bare=True)
        return AnnotatedImage.at(placed, pack_labels(placed.mask(labels)))

    return Dataset(parts=parts, images=LazyImages(len(files), load))


def _level(folder: Path) -> Path:
    """The folder with the sequences: DAVIS has one for each resolution."""
    known = next((folder / name for name in _LEVELS if (folder / name).is_dir()), None)
    inner = [] if known or not folder.is_dir() else [one for one in sorted(folder.iterdir()) if one.is_dir()]
    return known or (inner[0] if len(inner) == 1 and re.fullmatch(r"\d+p", inner[0].name) else folder)
