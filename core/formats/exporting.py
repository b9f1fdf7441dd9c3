"""From a project to a format."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from counterpart.core.errors import ImageError, ProjectError, UsageError
from counterpart.core.formats.base import AnnotatedImage, Dataset, ExportOptions, ExportReport, NamedMatches
from counterpart.core.formats.individuals import names_of
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.numbers import Numbers
from counterpart.core.formats.table import format_named
from counterpart.core.images.reading import image_size
from counterpart.core.jobs import JobContext
from counterpart.core.project.aside import other_picture
from counterpart.core.project.view import ProjectView


def export_project(
    project: ProjectView, format_name: str, out: str | Path, options: ExportOptions, ctx: JobContext
) -> ExportReport:
    """Write a project, or part of it, in a format. The target appears whole or not at all.

    Runs on whichever thread opened the project; a worker opens its own with `Document.open(path, read_only=True)`.

    Args:
        project: An open project.
        format_name: A key of `FORMATS`.
        out: The file or folder to make.
        options: What to export.
        ctx: Reports and cancels between images.

    Raises:
        UsageError: There is no such format, or it cannot be written, or the project has nothing for it, or the target
            is the project itself or one of its images.
        OutputError: The target cannot be written; it is as it was before.
        JobCancelledError: Cancelled; the target is as it was before.
    """
    chosen = format_named(format_name)
    if chosen.write is None:
        raise UsageError(f"{chosen.title} can only be imported", hint="Choose another format")
    _keep_sources(project, Path(out))
    failures: list[tuple[str, str]] = []
    dataset = dataset_of(
        project, options, failures, masks="masks" in chosen.holds, keypoints="keypoints" in chosen.holds
    )
    report = chosen.write(dataset, Path(out), options, ctx)
    # An image that is iterated twice fails twice.
    report.skipped = list(dict.fromkeys(failures)) + report.skipped
    return report


def _keep_sources(project: ProjectView, out: Path) -> None:
    if not out.is_file():
        return
    sources = [project.image_path(record.id) for record in project.images()]
    for source in sources if project.path is None else [project.path, *sources]:
        if source.name.casefold() == out.name.casefold() and source.exists() and source.samefile(out):
            raise UsageError("the export would replace this file", path=out, hint="Choose another name")


def dataset_of(
    project: ProjectView,
    options: ExportOptions,
    failures: list[tuple[str, str]],
    *,
    masks: bool = True,
    keypoints: bool = True,
) -> Dataset:
    """What of a project is to be exported, read image by image as it is asked for.

    Args:
        project: An open project.
        options: Which images.
        failures: Gets images whose annotations are damaged, with the reason.
        masks: Whether labels are wanted.
        keypoints: Whether instances are wanted.
    """
    wanted = None if options.image_ids is None else set(options.image_ids)
    records = [
        record
        for record in project.images()
        if (wanted is None or record.id in wanted) and (options.states is None or record.state in options.states)
    ]

    called = names_of(project.settings)

    def load(index: int) -> AnnotatedImage | None:
        record = records[index]
        file = project.image_path(record.id)
        try:
            labels = project.packed_labels(record.id) if masks else None
            instances = project.keypoints(record.id) if keypoints else ()
        except ProjectError as error:
            failures.append((record.name, error.what))
            return None
        was = labels.hw if labels is not None else record.hw if min(record.hw) > 0 else None
        now = _size(file)
        if was is not None and (labels is not None or instances) and now not in (was, (0, 0)):
            failures.append((record.name, other_picture(record.name, now, was)))
            return None
        who = tuple(called.get(points.instance, "") for points in instances)
        if options.skeleton is not None:
            kept = [at for at, points in enumerate(instances) if points.skeleton == options.skeleton]
            who, instances = tuple(who[at] for at in kept), tuple(instances[at] for at in kept)
        shown = AnnotatedImage(record.name, was or now, record.id, file, labels, instances, record.state)
        return dataclasses.replace(shown, individuals=who) if any(who) else shown

    asides = project.asides()
    names = {record.id: record.name for record in records if record.id not in asides}
    matches = []
    for a, b in project.match_pairs():
        if a in names and b in names:
            found = project.matches(a, b)
            if found is not None:
                matches.append(NamedMatches(names[a], names[b], found))
    images = LazyImages(len(records), load, [record.name for record in records])
    numbers = Numbers.of(
        project.settings,
        (record.id for record in project.images()),
        (part.id for part in project.parts),
        (skeleton.id for skeleton in project.skeletons),
    )
    return Dataset(project.parts, project.skeletons, images, matches, numbers=numbers)


def _size(file: Path) -> tuple[int, int]:
    try:
        return image_size(file)
    except ImageError:
        return 0, 0
