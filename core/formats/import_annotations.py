"""The command that takes annotations of a file over into a project."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import numpy as np

from counterpart.core.errors import FormatError
from counterpart.core.files import output_errors, write_bytes
from counterpart.core.formats.base import AnnotatedImage, Dataset, ImportReport, NamedMatches
from counterpart.core.formats.earlier import Earlier, pair_instances
from counterpart.core.formats.individuals import name_individuals
from counterpart.core.formats.naming import safe_name
from counterpart.core.formats.numbers import Numbers
from counterpart.core.formats.source import NOT_FOUND
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
from counterpart.core.project.edit import Edit
from counterpart.core.project.model import Labels, PartState, Provenance
from counterpart.core.project.points import KeypointSet, MatchSet, Origin, Skeleton
from counterpart.core.project.rows import read_keypoints
from counterpart.core.project.tiles import PackedLabels


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
        if self.dataset.matches or any(image.brings for image in self.dataset.images):
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
        places = {name: image.identity for name, image in self.names.items()}
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
                ids[one.identity]: one.number
                for one in self.dataset.images
                if one.number is not None and one.identity in ids
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
        wanted = {self.names[name].identity for name in matched if name in self.names}
        ids: dict[int | str | Path, int] = {}
        new: dict[Path, AnnotatedImage] = {}
        for image in self.dataset.images:
            if image.id:
                ids[image.id] = image.id
            elif image.file is not None and (image.brings or image.file in wanted):
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
            ids[image.identity]: image.labels
            for image in self.dataset.images
            if image.labels is not None and image.labels.areas and image.identity in ids
        }
        meaning = self._meaning(edit)
        results = {number: each for number, each in results.items() if not _has(edit, number, each, meaning)}
        if not results:
            return
        before = set(edit.all_parts())
        own = {number for number in results if not self.overwrite and earlier.is_untouched(edit, number)}
        proposed = {ids.get(image.identity, 0) for image in self.dataset.images if image.state == "predicted"}
        for overwrite, mine in ((True, own), (self.overwrite, set(results) - own)):
            groups: dict[PartState, set[int]] = {"predicted": mine & proposed, "edited": mine - proposed}
            for state, theirs in groups.items():
                if theirs:
                    self._replace(edit, {number: results[number] for number in sorted(theirs)}, state, overwrite)
        meaning = self._meaning(edit)
        for number in set(self.outcome.changed):
            if _has(edit, number, results[number], meaning):  # not where a person's work stands among it
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

    def _meaning(self, edit: Edit) -> dict[int, int]:
        """The project's part that each value of the file's masks means, as far as there is one of that name."""
        own = {part.name: part.id for part in edit.all_parts().values()}
        return {value: own[name] for value, name in self.dataset.part_names().items() if name in own}

    def _keypoints(self, edit: Edit, ids: Mapping[int | str | Path, int], earlier: Earlier) -> None:
        wanted = {points.skeleton for image in self.dataset.images for points in image.keypoints}
        mapping = {
            skeleton.id: self._skeleton(edit, skeleton) for skeleton in self.dataset.skeletons if skeleton.id in wanted
        }
        named: dict[int, str] = {}
        for image in self.dataset.images:
            if image.identity not in ids or not image.keypoints:
                continue
            number = ids[image.identity]
            given = [
                dataclasses.replace(points.reordered(order), skeleton=skeleton)
                for points in image.keypoints
                for skeleton, order in [mapping[points.skeleton]]
            ]
            named |= self._instances(edit, number, given, [who for _, who in image.named_instances()], earlier)
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


def _has(edit: Edit, number: int, packed: PackedLabels, meaning: Mapping[int, int]) -> bool:
    """Whether an image has these labels already."""
    now = edit.labels(number)
    if now is None or now.shape != packed.hw or not set(packed.areas) <= set(meaning):
        return False
    table: Labels = np.zeros(max(packed.areas) + 1, np.uint16)
    for value in packed.areas:
        table[value] = meaning[value]
    return bool(np.array_equal(table[packed.unpack()], now))


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
