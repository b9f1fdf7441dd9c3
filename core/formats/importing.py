"""From a format into a project: one command, so one step of the history."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from counterpart.core.errors import UsageError
from counterpart.core.formats.base import Dataset, ImportReport, NamedMatches
from counterpart.core.formats.naming import ImageIndex, Source, safe_name
from counterpart.core.formats.table import format_named
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.project.commands import AddImages, AddInstance, AddSkeleton, Command, ReplaceMasks, ReplaceMatches
from counterpart.core.project.document import Document
from counterpart.core.project.edit import Edit
from counterpart.core.project.model import Provenance
from counterpart.core.project.points import KeypointSet, MatchSet, Skeleton
from counterpart.core.project.rows import read_keypoints
from counterpart.core.project.view import ProjectView


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

    Images are found by name; those not in the project are added if their files are found.

    Args:
        document: An open project that can be written.
        path: The file or folder to read.
        format_name: A key of `FORMATS`.
        ctx: Reports and cancels between images.
        root: Folder that image names in the file are relative to; the file's own by default.
        overwrite: Whether masks replace what a person drew in the project; otherwise that stays.

    Raises:
        UsageError: There is no such format, or it cannot be read, or needs what is not installed.
        FormatError: The file is damaged or of another kind. Nothing changed.
    """
    command = plan_import(document, path, format_name, ctx, root=root, overwrite=overwrite)
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
    source = Source(
        ImageIndex.of(project.images()),
        project.parts,
        project.skeletons,
        root,
        {record.id: project.image_path(record.id) for record in project.images()},
    )
    dataset = chosen.read(Path(path), source, ctx, report)
    images = []
    for number, image in enumerate(dataset.images):
        ctx.step(number, len(dataset.images), f"Reading {image.name}")
        images.append(image)
    return ImportAnnotations(dataclasses.replace(dataset, images=images), report, overwrite)


@dataclass(eq=False)
class ImportAnnotations(Command):
    """Take annotations of a file over into the project.

    Attributes:
        dataset: What was read, all in memory (masks are packed).
        report: What was read and, once it was applied, what was taken over.
        overwrite: Whether masks replace what a person drew.
    """

    dataset: Dataset
    report: ImportReport
    overwrite: bool = False

    @property
    def text(self) -> str:
        return f"Import {self.report.path.name}"

    def release(self) -> None:
        self.dataset = Dataset()

    def do(self, edit: Edit) -> None:
        places = self._images(edit)
        self._masks(edit, places)
        self._keypoints(edit, places)
        self._matches(edit, places)
        self.report.images = len(set(self.outcome.changed))

    def _images(self, edit: Edit) -> dict[str, int]:
        """Id of each image by its name in the file; those missing are added where their file is known."""
        index = ImageIndex.of(edit.images.values())
        places: dict[str, int] = {}
        new: dict[Path, list[str]] = {}
        for name, image in {image.name: image for image in self.dataset.images}.items():
            record = index.find(name)
            if record is not None:
                places[name] = record.id
            elif image.file is not None and image.file.is_file():
                new.setdefault(image.file, []).append(name)
            else:
                self.report.skipped.append((name, "there is no such image in the project, nor a file of that name"))
        if new:
            adding = AddImages([ImageRef(file, safe_name(_below(file, names[0]))) for file, names in new.items()])
            adding.do(edit)
            for names, number in zip(new.values(), adding.ids, strict=True):
                places.update(dict.fromkeys(names, number))
            self.report.added_images += [edit.image(number).name for number in adding.outcome.created]
        return places

    def _masks(self, edit: Edit, places: dict[str, int]) -> None:
        results = {
            places[image.name]: image.labels
            for image in self.dataset.images
            if image.labels is not None and image.name in places
        }
        if not results:
            return
        before = set(edit.all_parts())
        replacing = ReplaceMasks(
            results,
            dict(self.dataset.part_names()),
            overwrite=self.overwrite,
            state="edited",
            new_parts=self.dataset.parts,
        )
        replacing.do(edit)
        names = {number: name for name, number in places.items()}
        self.report.skipped += [(names[number], reason) for number, reason in replacing.outcome.skipped]
        parts = edit.all_parts()
        self.report.added_parts += [parts[number].name for number in replacing.outcome.created if number not in before]
        self.report.annotations += sum(len(results[number].areas) for number in replacing.outcome.changed)
        self.outcome.changed += replacing.outcome.changed

    def _keypoints(self, edit: Edit, places: dict[str, int]) -> None:
        wanted = {points.skeleton for image in self.dataset.images for points in image.keypoints}
        mapping = {
            skeleton.id: self._skeleton(edit, skeleton) for skeleton in self.dataset.skeletons if skeleton.id in wanted
        }
        for image in self.dataset.images:
            if image.name not in places or not image.keypoints:
                continue
            number = places[image.name]
            there = read_keypoints(edit, number)
            for points in image.keypoints:
                skeleton, source = mapping[points.skeleton]
                new = dataclasses.replace(points.reordered(source), skeleton=skeleton)
                if any(_same(new, old) for old in there):
                    continue
                adding = AddInstance(number, new)
                adding.do(edit)
                self.report.annotations += 1
            self.outcome.changed.append(number)

    def _skeleton(self, edit: Edit, skeleton: Skeleton) -> tuple[int, list[int | None]]:
        """Id of the project's skeleton with these keypoints, made if need be, and where its points come from."""
        for own in edit.all_skeletons().values():
            fits = set(skeleton.names) <= set(own.names)
            if fits and skeleton.name in (own.name, "object"):
                order = {name: index for index, name in enumerate(skeleton.names)}
                return own.id, [order.get(name) for name in own.names]
        adding = AddSkeleton(skeleton)
        adding.do(edit)
        self.report.added_skeletons.append(skeleton.name)
        return adding.outcome.created[0], list(range(len(skeleton)))

    def _matches(self, edit: Edit, places: dict[str, int]) -> None:
        sets = [placed for named in self.dataset.matches for placed in [_placed(named, places)] if placed is not None]
        if not sets:
            return
        replacing = ReplaceMatches(sets, provenance=Provenance("import"))
        replacing.do(edit)
        self.report.annotations += sum(len(matches) for matches in sets)
        self.outcome.changed += [image for matches in sets for image in (matches.image_a, matches.image_b)]


def _below(file: Path, name: str) -> str:
    """The part of a name in a file that is the end of the file's path; its own name where there is none."""
    clean = safe_name(name)
    return clean if file.as_posix().endswith("/" + clean) else file.name


def _placed(named: NamedMatches, places: dict[str, int]) -> MatchSet | None:
    if named.name_a not in places or named.name_b not in places or places[named.name_a] == places[named.name_b]:
        return None
    return dataclasses.replace(named.matches, image_a=places[named.name_a], image_b=places[named.name_b])


def _same(a: KeypointSet, b: KeypointSet) -> bool:
    return a.skeleton == b.skeleton and bool(
        np.array_equal(a.visibility, b.visibility) and np.allclose(a.xy[a.present], b.xy[b.present], atol=1e-3)
    )
