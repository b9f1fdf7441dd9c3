"""NumPy: one .npz with a (height, width) uint8 or uint16 array of part ids for every image, under the image's name.

`__parts__` is a JSON text with the parts' ids, names and colours. Read it with `numpy.load(file)`; no pickle is
involved.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path

import numpy as np

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.files import atomic_write
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    with_progress,
)
from counterpart.core.formats.fields import Node
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.rle import MAX_PIXELS
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import MAX_PART_ID, PartLabel
from counterpart.core.project.palette import colour_hex, parse_colour
from counterpart.core.project.tiles import pack_labels

_PARTS = "__parts__"
_MOST_NAMES = 64_000_000
"""Bytes of the list of parts: 65535 of them with names of two hundred letters."""


def write_npz(dataset: Dataset, out: Path, _options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the label maps of a dataset, one after the other; never all in memory."""
    report = ExportReport("npz", out)
    parts = [{"id": part.id, "name": part.name, "colour": colour_hex(part.colour)} for part in dataset.parts]
    with atomic_write(out) as handle, zipfile.ZipFile(handle, "w", zipfile.ZIP_DEFLATED) as archive:
        _put(archive, _PARTS, np.array(json.dumps(parts, ensure_ascii=False)))
        for image in with_progress(dataset.images, ctx, "Writing"):
            if image.labels is None:
                report.skipped.append((image.name, "it has no labels"))
                continue
            _put(archive, image.name, image.labels.unpack())
            report.images += 1
            report.annotations += len(image.labels.areas)
            if image.keypoints:
                report.lost.append((image.name, "keypoints"))
    return report


def _put(archive: zipfile.ZipFile, name: str, array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, array, allow_pickle=False)
    archive.writestr(f"{name}.npy", buffer.getvalue())


def read_npz(path: Path, source: Source, _ctx: JobContext, report: ImportReport) -> Dataset:
    """Read the label maps of a file that `write_npz` made, or of one with plain arrays of labels.

    Raises:
        FormatError: It is damaged or no .npz file.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
            known = _read_parts(archive, path) if _PARTS in names else None
    except FileNotFoundError:
        raise FormatError("there is no such file", path=path, hint="Check the path") from None
    except (zipfile.BadZipFile, OSError, zlib.error, NotImplementedError, RuntimeError) as error:
        raise FormatError(
            f"this is not an .npz file, or it is damaged ({error})", path=path, hint="Export it again"
        ) from None
    names = [name for name in names if name != _PARTS]
    parts = known if known is not None else _plain_parts(path, names, report)
    ids = {part.id for part in parts}

    def load(index: int) -> AnnotatedImage | None:
        try:
            labels = _array(path, names[index])
        except FormatError as error:
            report.skipped.append((names[index], error.what))
            return None
        unknown = {int(value) for value in np.unique(labels)} - {0, *ids}
        if unknown:
            report.skipped.append((names[index], f"it has the label {min(unknown)}, which no part has"))
            return None
        placed = source.place(names[index], declared=(labels.shape[0], labels.shape[1]))
        return AnnotatedImage.at(placed, pack_labels(placed.mask(labels)))

    return Dataset(parts=parts, images=LazyImages(len(names), load))


def _read_parts(archive: zipfile.ZipFile, path: Path) -> tuple[PartLabel, ...]:
    try:
        with archive.open(f"{_PARTS}.npy") as handle:
            packed = handle.read(_MOST_NAMES + 1)  # a small file may unpack to more than the memory holds
        if len(packed) > _MOST_NAMES:
            raise FormatError(f"{_PARTS} is too long to be a list of parts", path=path, hint="Export it again")
        text = str(np.lib.format.read_array(io.BytesIO(packed), allow_pickle=False))
        data = Node(json.loads(text), path, _PARTS)
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, RecursionError) as error:
        raise FormatError(f"{_PARTS} is damaged ({error})", path=path, hint="Export it again") from None
    try:
        return tuple(
            PartLabel(
                entry["id"].integer(1, MAX_PART_ID), entry["name"].text(), parse_colour(entry["colour"].text()), order
            )
            for order, entry in enumerate(data)
        )
    except UsageError as error:
        raise data.error(error.what) from None


def _plain_parts(path: Path, names: list[str], report: ImportReport) -> tuple[PartLabel, ...]:
    from counterpart.core.project.palette import colour_at

    found: set[int] = set()
    for name in names:
        try:
            found |= {int(value) for value in np.unique(_array(path, name))}
        except FormatError:
            continue  # named when it is read
    del report
    return tuple(
        PartLabel(value, f"part {value}", colour_at(order), order) for order, value in enumerate(sorted(found - {0}))
    )


def _array(path: Path, name: str) -> np.ndarray:
    """One label map of the file.

    Raises:
        FormatError: It is damaged or no label map.
    """
    try:
        with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as handle:
            version = np.lib.format.read_magic(handle)
            reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = reader(handle)
            if len(shape) != 2 or dtype.kind not in "bui" or min(shape) < 0:
                raise FormatError(f"{name}: an array of {dtype} and shape {shape} is no label map", path=path)
            size = shape[0] * shape[1] * dtype.itemsize
            if size > MAX_PIXELS:  # in bytes: eight for each label are no reason to take eight times the memory
                raise FormatError(f"{name}: an array of {size} bytes is too large", path=path)
            if archive.getinfo(f"{name}.npy").file_size < size:
                raise FormatError(f"{name}: the array is shorter than its heading says", path=path)
            array = np.frombuffer(handle.read(size), dtype).reshape(shape, order="F" if fortran else "C")
    except (
        ValueError,
        KeyError,
        EOFError,
        OSError,
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        SyntaxError,
    ) as error:
        raise FormatError(f"{name}: the array is damaged ({error})", path=path, hint="Export it again") from None
    if array.size and (int(array.min()) < 0 or int(array.max()) > MAX_PART_ID):
        raise FormatError(f"{name}: labels are 0 to {MAX_PART_ID}", path=path)
    return array
