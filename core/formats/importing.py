"""From a format into a project: one command, so one step of the history."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.formats.base import AnnotatedImage, ImportReport
from counterpart.core.formats.import_annotations import ImportAnnotations
from counterpart.core.formats.naming import safe_name
from counterpart.core.formats.pictures import picture_suffix
from counterpart.core.formats.source import Source
from counterpart.core.formats.table import format_named
from counterpart.core.jobs import JobContext
from counterpart.core.project.aside import other_picture
from counterpart.core.project.document import Document
from counterpart.core.project.tiles import pack_labels
from counterpart.core.project.view import ProjectView
from counterpart.core.wording import by_reason


def import_into(
    document: Document,
    path: str | Path,
    format_name: str,
    ctx: JobContext,
    *,
    root: Path | None = None,
    overwrite: bool = False,
) -> ImportReport:
    """Read annotations in a format and take them over.

    Images are found by name, as `Source.place` says; those not in the project are added if their files are found. What
    a file says that the project has already changes nothing, what brings nothing neither. Reading a corrected file
    again replaces what came from it before, as long as nobody has touched that since.

    Args:
        document: An open project that can be written.
        path: The file or folder to read.
        format_name: A key of `FORMATS`.
        ctx: Reports and cancels between images.
        root: Folder that image names in the file are relative to; the file's own by default.
        overwrite: Whether masks replace what a person drew in the project; otherwise that stays.

    Raises:
        UsageError: There is no such format, or it cannot be read, or needs what is not installed.
        FormatError: The file is damaged or of another kind, or all that is in it had to be left out. Nothing changed.
    """
    command = plan_import(document, path, format_name, ctx, root=root, overwrite=overwrite)
    try:
        command.check()
    except FormatError:
        lines = by_reason([*command.report.skipped, *command.report.lost])
        for line in lines if len(lines) > 1 else ():
            ctx.warn(line)
        raise
    document.apply(command)
    return command.report


def plan_import(
    project: ProjectView,
    path: str | Path,
    format_name: str,
    ctx: JobContext,
    *,
    root: Path | None = None,
    overwrite: bool = False,
) -> ImportAnnotations:
    """Read annotations into a command that takes them over when it is applied.

    May run on a worker, on its own view of the project; see `import_into` for the arguments and errors.
    """
    chosen = format_named(format_name)
    if chosen.read is None:
        raise UsageError(f"{chosen.title} can only be exported", hint="Choose another format")
    report = ImportReport(format_name, Path(path))
    records = list(project.images())
    source = Source(
        records,
        {record.id: project.image_path(record.id) for record in records},
        parts=project.parts,
        skeletons=project.skeletons,
        path=Path(path),
        root=root,
        refused={
            number: other_picture(project.name_of(number), replacement.hw, project.annotated_hw(number) or (0, 0))
            for number, replacement in project.asides().items()
        },
    )
    dataset = chosen.read(Path(path), source, ctx, report)
    images = []
    for number, image in enumerate(dataset.images):
        ctx.step(number, len(dataset.images), f"Reading {image.name}")
        images.append(image)
    usable = _with_pictures(_joined(images, report), project.path, report)
    kept = {image.identity: image for image in usable}
    by_name = {image.given: kept[image.identity] for image in images if image.identity in kept}
    return ImportAnnotations(dataclasses.replace(dataset, images=usable), report, overwrite, by_name)


def _with_pictures(
    images: Sequence[AnnotatedImage], project: Path | None, report: ImportReport
) -> list[AnnotatedImage]:
    """The images, with a place for each photograph that only the annotations carry: in a folder beside the project."""
    found, taken = [], set[Path]()
    for image in images:
        if image.picture is None or image.id or image.file is not None:
            found.append(image)
            continue
        if project is None:
            report.skipped.append((image.name, "its picture is in the annotations alone; save the project first"))
            continue
        data = image.picture()
        name = PurePosixPath(safe_name(image.name) + picture_suffix(data, report.path))
        place, number = project.parent / f"{project.stem} pictures" / name, 2
        while place in taken or not _may_hold(place, data):
            place = place.with_name(f"{name.stem} {number}{name.suffix}")
            number += 1
        taken.add(place)
        found.append(dataclasses.replace(image, name=str(name), file=place))
    return found


def _may_hold(place: Path, data: bytes) -> bool:
    """Whether nothing is at a place, or what would be put there."""
    try:
        return place.read_bytes() == data if place.is_file() else not os.path.lexists(place)
    except OSError:
        return False


def _joined(images: Iterable[AnnotatedImage], report: ImportReport) -> list[AnnotatedImage]:
    """One image for each photograph.

    What cannot be placed is left out, and so is a name that fits only loosely where another fits as well; both are
    said.
    """
    groups: dict[int | str | Path, list[AnnotatedImage]] = {}
    for image in images:
        if image.placed is not None and image.placed.problem:
            report.skipped.append((image.name, image.placed.problem))
            continue
        if image.placed is not None and image.placed.note:
            report.notes.append((image.name, image.placed.note))
        groups.setdefault(image.identity, []).append(image)
    found = []
    for group in groups.values():
        loose = [image for image in group if image.placed is not None and not image.placed.sure]
        if loose and len({image.given for image in group}) > 1:
            names = ", ".join(sorted({image.given for image in group})[:3])
            report.skipped += [(image.given, f"several names fit one image: {names}") for image in loose]
            group = [image for image in group if image not in loose]
        if group:
            found.append(group[0] if len(group) == 1 else _merged(group, report))
    return found


def _merged(group: Sequence[AnnotatedImage], report: ImportReport) -> AnnotatedImage:
    """All that several records say of one image."""
    first = group[0]
    labelled = [image.labels for image in group if image.labels is not None]
    packed = labelled[0] if labelled else None
    if len(labelled) > 1:
        labels, covered = labelled[0].unpack().copy(), 0
        for more in labelled[1:]:
            new = more.unpack()
            labels = labels.astype(np.promote_types(labels.dtype, new.dtype))
            covered += int(((labels > 0) & (new > 0) & (labels != new)).sum())
            np.copyto(labels, new, where=new > 0)
        if covered:
            report.lost.append((first.name, f"{covered} pixels where its records overlap: the later one was taken"))
        packed = pack_labels(labels)
    points = tuple(one for image in group for one in image.keypoints)
    named = tuple(name for image in group for _, name in image.named_instances())
    return dataclasses.replace(first, labels=packed, keypoints=points, individuals=named)
