"""From a format into a project: one command, so one step of the history."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path, PurePosixPath

import numpy as np

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.files import output_errors, write_bytes
from counterpart.core.formats.base import AnnotatedImage, Dataset, ImportReport, NamedMatches
from counterpart.core.formats.earlier import Earlier, pair_instances
from counterpart.core.formats.individuals import name_individuals
from counterpart.core.formats.naming import safe_name
from counterpart.core.formats.numbers import Numbers
from counterpart.core.formats.pictures import picture_suffix
from counterpart.core.formats.source import NOT_FOUND, Source
from counterpart.core.formats.table import format_named
from counterpart.core.jobs import JobContext
from counterpart.core.project.aside import other_picture
from counterpart.core.project.commands import (
    AddImages,
    AddInstance,
    AddSkeleton,
    Command,
    NewImage,
    ReplaceMasks,
    ReplaceMatches,
    SetKeypoints,
)
from counterpart.core.project.document import Document
from counterpart.core.project.edit import Edit
from counterpart.core.project.model import Labels, PartState, Provenance
from counterpart.core.project.points import KeypointSet, MatchSet, Origin, Skeleton
from counterpart.core.project.rows import read_keypoints
from counterpart.core.project.tiles import PackedLabels, pack_labels
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
    files = {record.id: project.image_path(record.id) for record in project.images()}
    names = {record.id: record.name for record in project.images()}
    source = Source(
        project.images(),
        files,
        parts=project.parts,
        skeletons=project.skeletons,
        path=Path(path),
        root=root,
        refused={
            number: other_picture(names[number], replacement.hw, project.annotated_hw(number) or (0, 0))
            for number, replacement in project.asides().items()
        },
    )
    dataset = chosen.read(Path(path), source, ctx, report)
    images = []
    for number, image in enumerate(dataset.images):
        ctx.step(number, len(dataset.images), f"Reading {image.name}")
        images.append(image)
    usable = _with_pictures(_joined(images, report), project.path, report)
    kept = {_identity(image): image for image in usable}
    by_name = {_given(image): kept[_identity(image)] for image in images if _identity(image) in kept}
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


def _identity(image: AnnotatedImage) -> int | str | Path:
    """What tells the photograph of an image from others: the project's id, the file, or at least the name."""
    return image.id or image.file or image.name


def _brings(image: AnnotatedImage) -> bool:
    """Whether there is anything to take over: an image alone, a box, an empty mask is nothing."""
    labelled = image.labels is not None and bool(image.labels.areas)
    return labelled or any(points.present.any() for points in image.keypoints)


def _given(image: AnnotatedImage) -> str:
    """The name of an image as the file has it."""
    return image.name if image.placed is None else image.placed.given


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
        groups.setdefault(_identity(image), []).append(image)
    found = []
    for group in groups.values():
        loose = [image for image in group if image.placed is not None and not image.placed.sure]
        if loose and len({_given(image) for image in group}) > 1:
            names = ", ".join(sorted({_given(image) for image in group})[:3])
            report.skipped += [(_given(image), f"several names fit one image: {names}") for image in loose]
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
    named = tuple(name for image in group for _, name in _with_names(image))
    return dataclasses.replace(first, labels=packed, keypoints=points, individuals=named)


def _with_names(image: AnnotatedImage) -> Iterator[tuple[KeypointSet, str]]:
    """The instances of an image with the names of the individuals, empty where there are none."""
    yield from zip_longest(image.keypoints, image.individuals[: len(image.keypoints)], fillvalue="")


@dataclass(eq=False)
class ImportAnnotations(Command):
    """Take annotations of a file over into the project.

    Attributes:
        dataset: What was read, all in memory (masks are packed).
        report: What was read and, once it was applied, what was taken over.
        overwrite: Whether it replaces what a person drew or placed.
        names: The image that each name in the file means, where matches need it.
        rehearsed: Whether it is only tried out: pictures that the annotations carry are not put into files then.
    """

    dataset: Dataset
    report: ImportReport
    overwrite: bool = False
    names: Mapping[str, AnnotatedImage] = field(default_factory=dict)
    rehearsed: bool = False

    @property
    def text(self) -> str:
        return f"Import {self.report.path.name}"

    def check(self) -> None:
        """See that there is anything to take over.

        Raises:
            FormatError: Everything in the file had to be left out; the first reason is given.
        """
        if self.dataset.matches or any(_brings(image) for image in self.dataset.images):
            return
        left_out = self.report.skipped or self.report.lost
        if not left_out:
            raise FormatError("there is nothing in it to take over", path=self.report.path, hint="Is it the right one?")
        name, reason = left_out[0]
        more = len(left_out) - 1
        nowhere = any(why == NOT_FOUND for _, why in self.report.skipped)
        raise FormatError(
            f"nothing in it could be taken over: {name}: {reason}" + (f" (and {more} more)" if more else ""),
            path=self.report.path,
            hint="Name the folder of the images as the root, or open the images first"
            if nowhere
            else "Correct the file, or export it again from its program",
        )

    def release(self) -> None:
        self.dataset = Dataset()
        self.names = {}

    def do(self, edit: Edit) -> None:
        ids = self._images(edit)
        earlier = Earlier.read(edit)
        self._masks(edit, ids, earlier)
        self._keypoints(edit, ids, earlier)
        places = {name: _identity(image) for name, image in self.names.items()}
        self._matches(edit, {name: ids[place] for name, place in places.items() if place in ids})
        earlier.write(edit)
        self._numbers(edit, ids)
        self.report.images = len(set(self.outcome.changed))

    def _numbers(self, edit: Edit, ids: Mapping[int | str | Path, int]) -> None:
        """Keep the numbers of a file that numbers its images and categories."""
        by_name = {part.name: part.id for part in edit.all_parts().values()}
        kinds = {skeleton.name: skeleton.id for skeleton in edit.all_skeletons().values()}
        categories = self.dataset.categories
        own = {skeleton.name for skeleton in self.dataset.skeletons}
        Numbers(
            {
                ids[_identity(one)]: one.number
                for one in self.dataset.images
                if one.number is not None and _identity(one) in ids
            },
            {
                by_name[part.name]: categories[part.name]
                for part in self.dataset.parts
                if part.name in by_name and part.name in categories
            },
            {kinds[name]: number for name, number in categories.items() if name in kinds and name in own},
        ).note(edit)

    def _images(self, edit: Edit) -> dict[int | str | Path, int]:
        """Id of each image; those that are not in the project are added."""
        names = {record.name: record.id for record in edit.images.values()}
        matched = {name for pair in self.dataset.matches for name in (pair.name_a, pair.name_b)}
        wanted = {_identity(self.names[name]) for name in matched if name in self.names}
        ids: dict[int | str | Path, int] = {}
        new: dict[Path, AnnotatedImage] = {}
        for image in self.dataset.images:
            if image.id:
                ids[image.id] = image.id
            elif image.file is not None and (_brings(image) or image.file in wanted):
                new[image.file] = image
                if image.picture is not None and not self.rehearsed and not image.file.exists():
                    with output_errors(image.file):
                        image.file.parent.mkdir(parents=True, exist_ok=True)
                    write_bytes(image.file, image.picture())
            elif image.name in names:
                ids[image.name] = names[image.name]
        if new:
            adding = AddImages(
                [
                    NewImage(file, name, height=image.hw[0], width=image.hw[1])
                    for (file, image), name in zip(new.items(), _new_names(new), strict=True)
                ]
            )
            adding.do(edit)
            ids.update(zip(new, adding.ids, strict=True))
            self.report.added_images += [edit.image(number).name for number in adding.outcome.created]
        return ids

    def _masks(self, edit: Edit, ids: Mapping[int | str | Path, int], earlier: Earlier) -> None:
        results = {
            ids[_identity(image)]: image.labels
            for image in self.dataset.images
            if image.labels is not None and image.labels.areas and _identity(image) in ids
        }
        results = {number: packed for number, packed in results.items() if not self._has(edit, number, packed)}
        if not results:
            return
        before = set(edit.all_parts())
        own = {number for number in results if not self.overwrite and earlier.is_untouched(edit, number)}
        proposed = {ids.get(_identity(image), 0) for image in self.dataset.images if image.state == "predicted"}
        for overwrite, mine in ((True, own), (self.overwrite, set(results) - own)):
            groups: dict[PartState, set[int]] = {"predicted": mine & proposed, "edited": mine - proposed}
            for state, theirs in groups.items():
                if theirs:
                    self._replace(edit, {number: results[number] for number in sorted(theirs)}, state, overwrite)
        for number in set(self.outcome.changed):
            if self._has(edit, number, results[number]):  # not where a person's work stands among it
                earlier.note_labels(edit, number)
        parts = edit.all_parts()
        self.report.added_parts += [part.name for number, part in parts.items() if number not in before]

    def _replace(self, edit: Edit, results: Mapping[int, PackedLabels], state: PartState, overwrite: bool) -> None:
        replacing = ReplaceMasks(
            results,
            dict(self.dataset.part_names()),
            overwrite=overwrite,
            state=state,
            new_parts=self.dataset.parts,
        )
        replacing.do(edit)
        self.report.skipped += [(edit.image(number).name, reason) for number, reason in replacing.outcome.skipped]
        self.report.annotations += sum(len(results[number].areas) for number in replacing.outcome.changed)
        self.outcome.changed += replacing.outcome.changed

    def _has(self, edit: Edit, number: int, packed: PackedLabels) -> bool:
        """Whether an image has these labels already."""
        now = edit.labels(number)
        if now is None or now.shape != packed.hw:
            return False
        by_name = {part.name: part.id for part in edit.all_parts().values()}
        wanted = self.dataset.part_names()
        table: Labels = np.zeros(max(packed.areas) + 1, np.uint16)
        for value in packed.areas:
            table[value] = by_name.get(wanted[value], 0)
        return bool(table[list(packed.areas)].all() and np.array_equal(table[packed.unpack()], now))

    def _keypoints(self, edit: Edit, ids: Mapping[int | str | Path, int], earlier: Earlier) -> None:
        wanted = {points.skeleton for image in self.dataset.images for points in image.keypoints}
        mapping = {
            skeleton.id: self._skeleton(edit, skeleton) for skeleton in self.dataset.skeletons if skeleton.id in wanted
        }
        named: dict[int, str] = {}
        for image in self.dataset.images:
            if _identity(image) not in ids or not image.keypoints:
                continue
            number = ids[_identity(image)]
            given = [
                dataclasses.replace(points.reordered(order), skeleton=skeleton)
                for points in image.keypoints
                for skeleton, order in [mapping[points.skeleton]]
            ]
            named |= self._instances(edit, number, given, [who for _, who in _with_names(image)], earlier)
        name_individuals(edit, named)

    def _instances(
        self, edit: Edit, number: int, given: Sequence[KeypointSet], names: Sequence[str], earlier: Earlier
    ) -> dict[int, str]:
        """Take the instances of an image over: those that are there change nothing, corrected ones are updated.

        Returns:
            The names of individuals by instance.
        """
        name, named = edit.image(number).name, dict[int, str]()
        for (new, old), who in zip(pair_instances(given, read_keypoints(edit, number)), names, strict=True):
            if old is not None and who:
                named[old.instance] = who
            if old is not None and _same(new, old):
                continue
            if earlier.has_instance(number, new) and not self.overwrite:
                continue  # it was taken over before; what became of it since is a person's wish
            if old is None:
                adding = AddInstance(number, new)
                adding.do(edit)
                if who:
                    named[adding.outcome.created[0]] = who
            elif self.overwrite or earlier.has_instance(number, old) or _is_proposal(old):
                SetKeypoints(dataclasses.replace(new, instance=old.instance, template=old.template)).do(edit)
            else:
                self.report.skipped.append((name, "an instance that a person placed stays as it is"))
                continue
            earlier.note_instance(number, new)
            self.report.annotations += 1
            self.outcome.changed.append(number)
        return named

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


def _new_names(new: Mapping[Path, AnnotatedImage]) -> list[str]:
    """A name for each new image: what the file calls it, as far as that is the end of its path, else its file name.

    With as many folders in front as tell it from the others.
    """
    depths = []
    for file, image in new.items():
        clean = safe_name(image.name)
        whole = PurePosixPath(image.name).is_absolute()  # of this machine alone: no name for people
        ends = not whole and file.as_posix().endswith("/" + clean)
        depths.append(len(PurePosixPath(clean).parts) if ends else 1)
    paths = [file.absolute().parts for file in new]
    while True:
        names = ["/".join(path[-depth:]) for path, depth in zip(paths, depths, strict=True)]
        counts = Counter(name.casefold() for name in names)
        again = [at for at, name in enumerate(names) if counts[name.casefold()] > 1 and depths[at] < len(paths[at]) - 1]
        if not again:
            return names
        for at in again:
            depths[at] += 1


def _placed(named: NamedMatches, places: dict[str, int]) -> MatchSet | None:
    if named.name_a not in places or named.name_b not in places or places[named.name_a] == places[named.name_b]:
        return None
    return dataclasses.replace(named.matches, image_a=places[named.name_a], image_b=places[named.name_b])


def _is_proposal(points: KeypointSet) -> bool:
    """Whether no point of an instance is a person's."""
    return bool((points.origin[points.present] == Origin.TRANSFERRED).all())


def _same(a: KeypointSet, b: KeypointSet) -> bool:
    return a.skeleton == b.skeleton and bool(
        np.array_equal(a.visibility, b.visibility) and np.allclose(a.xy[a.present], b.xy[b.present], atol=1e-3)
    )
