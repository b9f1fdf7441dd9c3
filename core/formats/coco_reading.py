"""Reading COCO JSON: masks and keypoints of one file together, and a program's results as predictions.

Polygons are in the corner convention, as COCO's own tools rasterise them; points are pixel centres. Crowds are painted
under single objects, masks with a lower score under those with a higher one. A piece that cannot be used is named and
left out; the rest of its annotation is taken.
"""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import FormatError
from counterpart.core.formats.base import AnnotatedImage, Dataset, ImportReport
from counterpart.core.formats.canvas import Canvas
from counterpart.core.formats.coco_points import Remarks, contradictions, listed_in, read_points, score_of, skeleton_of
from counterpart.core.formats.coco_records import CocoRecords, field_of, names_of, read_records
from counterpart.core.formats.fields import Node
from counterpart.core.formats.instances import on_photograph
from counterpart.core.formats.lazy import LazyImages
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.polygons import Patch, fill_patch
from counterpart.core.formats.rle import MAX_PIXELS, counts_to_mask, counts_to_patch, decode_counts
from counterpart.core.formats.source import Source
from counterpart.core.images.kinds import IMAGE_SUFFIXES
from counterpart.core.images.orientation import UPRIGHT
from counterpart.core.jobs import JobContext
from counterpart.core.project.model import PartLabel
from counterpart.core.project.palette import colour_at
from counterpart.core.project.points import KeypointSet, Skeleton

_SUBSET = re.compile(r"^(instances|person_keypoints|keypoints|image_info|labels)_")
"""What stands before the name of a subset in that of its file."""


def read_coco(path: Path, source: Source, ctx: JobContext, report: ImportReport, *, masks: bool = True) -> Dataset:
    """Read a COCO file.

    Args:
        path: The file.
        source: The project, and where images are.
        ctx: Unused; images are read as they are asked for.
        report: Gets what was left out or taken otherwise.
        masks: Whether masks are wanted too.

    Raises:
        FormatError: The file is not COCO, or a list of results whose images are not known.
    """
    del ctx
    reading = _Reading(read_records(path, source, report), source, report, masks=masks)
    numbers = [number for number in reading.records.images if reading.records.annotations.get(number)]
    images = LazyImages(len(numbers), lambda at: reading.image(numbers[at]))
    return Dataset(reading.parts, reading.skeletons, images, categories=reading.categories)


def read_keypoint_file(path: Path, root: Path | None, ctx: JobContext) -> Dataset:
    """The instances of a COCO file without a project; what was left out becomes a warning.

    Args:
        path: The file.
        root: Folder that its image names are relative to, beside the file's own.
        ctx: Gets the warnings.

    Raises:
        FormatError: The file is not COCO.
    """
    report = ImportReport("coco-keypoints", path)
    dataset = read_coco(path, Source(path=path, root=root), ctx, report, masks=False)
    dataset = dataclasses.replace(dataset, images=list(dataset.images))
    for name, what in (*report.skipped, *report.lost, *report.notes):
        ctx.warn(f"{path.name}: {what}" if name == path.name else f"{path.name}: {name}: {what}")
    return dataset


class _Reading:
    """A file on its way into a dataset."""

    def __init__(self, records: CocoRecords, source: Source, report: ImportReport, *, masks: bool) -> None:
        self.records, self._source, self._report, self._masks = records, source, report, masks
        lengths: dict[int, Counter[int]] = {}
        drawn: set[int] = set()
        bare = 0
        for key, listed in list(records.annotations.items()):
            kept = []
            for annotation in listed:
                order, values = records.category_of(annotation).order, listed_in(annotation, "keypoints")
                if values:
                    lengths.setdefault(order, Counter())[len(values)] += 1
                if _has_mask(annotation):
                    drawn.add(order)
                if values or (masks and _has_mask(annotation)):
                    kept.append(annotation)
            bare += len(listed) - len(kept)
            records.annotations[key] = kept
        if bare and masks:
            what = "annotation is a box alone" if bare == 1 else "annotations are boxes alone"
            report.skipped.append((records.path.name, f"{bare} {what}, with neither a mask nor keypoints"))
        ordered = sorted(records.categories.values(), key=lambda each: each.order)
        # Categories of one name are one part.
        self._part_of: dict[str, int] = {}
        parts: list[PartLabel] = []
        for category in ordered:
            if masks and category.order in drawn and category.name not in self._part_of:
                number = self._part_of[category.name] = len(parts) + 1
                parts.append(PartLabel(number, category.name, colour_at(number - 1), number - 1))
        self.parts = tuple(parts)
        # The first of a name counts: later ones are the same part.
        named = {category.name: key for key, category in reversed(records.categories.items()) if isinstance(key, int)}
        self.categories = {name: number for name, number in named.items() if number >= 0}
        self._skeleton_of: dict[int, Skeleton] = {}
        numbered = all(isinstance(key, int) and key >= 0 for key in records.categories)
        for key, category in records.categories.items():
            if category.order in lengths:
                number = key if numbered and isinstance(key, int) else category.order + 1
                self._skeleton_of[category.order] = skeleton_of(
                    category, number, lengths[category.order], self._remarks(category.node)
                )
        self.skeletons = tuple(self._skeleton_of.values())

    def image(self, number: int | str) -> AnnotatedImage | None:
        """One image with all that is said of it; None where nothing of that can be used."""
        image, annotations = self.records.images[number], self.records.annotations[number]
        placed = place_image(image, annotations, self._source)
        if placed.problem:  # a film's frame is no file, and yet its points are wanted
            return AnnotatedImage.at(placed, keypoints=() if self._masks else self._instances(annotations, placed))
        canvas = self._painted(annotations, placed) if self._masks else None
        instances = self._instances(annotations, placed)
        found = AnnotatedImage.at(placed, None if canvas is None else canvas.packed(), instances)
        if isinstance(number, int) and not self.records.results:
            found = dataclasses.replace(found, number=number)
        scored = self.records.results or all(score_of(each) < 1 for each in annotations if _has_mask(each))
        return dataclasses.replace(found, state="predicted") if scored and found.labels is not None else found

    def _painted(self, annotations: Sequence[Node], placed: Placed) -> Canvas | None:
        wanted = [annotation for annotation in annotations if _has_mask(annotation)]
        if not wanted:
            return None
        if min(placed.hw) <= 0:
            self._report.skipped.append((placed.name, "its width and height are not known"))
            return None
        canvas = Canvas(placed)
        crowds = [each for each in wanted if _is_crowd(each)]
        single = sorted((each for each in wanted if not _is_crowd(each)), key=score_of)
        for annotation, under in (
            (each, crowd) for group, crowd in ((single, False), (crowds, True)) for each in group
        ):
            part = self._part_of[self.records.category_of(annotation).name]
            for patch in _patches(annotation, placed, self._remarks(annotation, placed)):
                canvas.patch(patch, part, under=under)
        if crowds:
            what = "crowds are painted under single objects" if single else "it has crowds, not single objects"
            self._report.notes.append((placed.name, what))
        if canvas.covered:
            what = f"{canvas.covered} pixels where masks overlap: the later one was taken"
            if any(score_of(each) < 1 for each in single):
                what = f"{canvas.covered} pixels where masks overlap: that of the higher score was taken"
            self._report.lost.append((placed.name, what))
        return canvas

    def _instances(self, annotations: Sequence[Node], placed: Placed) -> tuple[KeypointSet, ...]:
        found: list[KeypointSet] = []
        nothing = 0
        for annotation in annotations:
            if not listed_in(annotation, "keypoints"):
                continue
            skeleton = self._skeleton_of[self.records.category_of(annotation).order]
            remarks = self._remarks(annotation, placed)
            points = on_photograph(read_points(annotation, skeleton, remarks, results=self.records.results), placed)
            for what in contradictions(annotation, points, placed.hw):
                remarks.lose(what)
            if points.present.any():
                found.append(points)
            else:
                nothing += 1
        if nothing and not found:
            self._report.skipped.append((placed.name, f"{nothing} of its annotations have no keypoint set"))
        return tuple(found)

    def _remarks(self, node: Node, placed: Placed | None = None) -> Remarks:
        return Remarks(self._report, self.records.path.name if placed is None else placed.name, node.where)


# Images


def place_image(image: Node, annotations: Sequence[Node], source: Source) -> Placed:
    """The photograph of an image record: by its file name, else by what else the record calls it."""
    declared = _declared(image, annotations)
    names = names_of(image)
    if declared is not None and declared[0] * declared[1] > MAX_PIXELS:
        problem = f"{image.where}: an image of {declared[1]} x {declared[0]} pixels is too large"
        return Placed(names[0], names[0], problem=problem)
    extent = _extent(annotations)
    bare = Path(names[0].partition("?")[0]).suffix.lower() not in IMAGE_SUFFIXES
    beside, folders = image.path.parent, _subset_folders(image.path)
    tried = [source.place(names[0], beside=beside, folders=folders, declared=declared, extent=extent, bare=bare)]
    for name in names[1:]:
        if not tried[-1].problem:
            break
        tried.append(source.place(name, beside=beside, folders=folders, declared=declared, extent=extent))
    return tried[0] if tried[-1].problem else tried[-1]


def _subset_folders(path: Path) -> list[Path]:
    """Where the images of a file for one subset lie: those of annotations/instances_val2017.json in val2017."""
    subset = _SUBSET.sub("", path.stem)
    above = path.parent.parent
    return [folder / subset for folder in (path.parent / "images", above / "images", above)]


def _declared(image: Node, annotations: Sequence[Node]) -> tuple[int, int] | None:
    """(height, width) that the record gives, else that of its run lengths."""
    sides = [_side(field_of(image, name)) for name in ("height", "width")]
    if all(sides):
        return sides[0], sides[1]
    for annotation in annotations:
        segmentation = field_of(annotation, "segmentation")
        size = None if segmentation is None else field_of(segmentation, "size")
        if size is not None and isinstance(size.value, list) and len(size.value) == 2:
            height, width = (_side(each) for each in size)
            if height and width:
                return height, width
    return None


def _side(node: Node | None) -> int:
    """A length in pixels, 0 where there is none."""
    try:
        return 0 if node is None else node.size()
    except FormatError:
        return 0


def _extent(annotations: Sequence[Node]) -> tuple[float, float] | None:
    """Largest x and y of outlines and points; None where there are run lengths, which have the declared size."""
    most = [0.0, 0.0]
    for annotation in annotations:
        if isinstance(annotation.value.get("segmentation"), dict):
            return None
        points = listed_in(annotation, "keypoints")
        lists = [ring.value for ring in _rings(annotation)]
        columns = [(points[0::3], points[1::3])] + [
            (ring[0::2], ring[1::2]) for ring in lists if isinstance(ring, list)
        ]
        for pair in columns:
            for axis, values in enumerate(pair):
                most[axis] = max([most[axis], *(float(v) for v in values if isinstance(v, (int, float)))])
    return most[0], most[1]


# Masks


def _has_mask(annotation: Node) -> bool:
    return field_of(annotation, "segmentation") is not None and annotation.value["segmentation"] not in ([], {}, "")


def _is_crowd(annotation: Node) -> bool:
    return annotation.value.get("iscrowd") in (1, True, "1", "true")


def _rings(annotation: Node) -> list[Node]:
    """The outlines of an annotation as flat lists; a single one may stand without a list around it."""
    segmentation = field_of(annotation, "segmentation")
    if segmentation is None or not isinstance(segmentation.value, list):
        return []
    if segmentation.value and not any(isinstance(ring, (list, dict)) for ring in segmentation.value):
        return [segmentation]
    found = []
    for ring in segmentation:
        pairs = isinstance(ring.value, list) and ring.value and all(isinstance(p, list) for p in ring.value)
        found.append(Node([v for pair in ring.value for v in pair], ring.path, ring.where) if pairs else ring)
    return found


def _patches(annotation: Node, placed: Placed, remarks: Remarks) -> Iterator[Patch]:
    """The pieces of an annotation's mask on the photograph; those that are damaged are said."""
    segmentation = annotation["segmentation"]
    if isinstance(segmentation.value, dict):
        try:
            yield _runs(segmentation, placed, remarks)
        except FormatError as error:
            remarks.skip(error)
        return
    rings = _rings(annotation)
    if not rings:
        remarks.skip(segmentation.error("this is no outline and no run lengths"))
    for ring in rings:
        try:
            numbers = ring.numbers()
            if len(numbers) < 6 or len(numbers) % 2:
                raise ring.error(f"a polygon needs x and y of three points or more, found {len(numbers)} numbers")
        except FormatError as error:
            remarks.skip(error)
            continue
        yield fill_patch([placed.points(np.array(numbers).reshape(-1, 2))], placed.hw)


def _runs(segmentation: Node, placed: Placed, remarks: Remarks) -> Patch:
    """The mask of run lengths, plain or compressed, on the photograph.

    Raises:
        FormatError: They are damaged, or of another size.
    """
    size = segmentation["size"].numbers(2)
    hw = (int(size[0]), int(size[1]))
    upright = hw == placed.hw and (placed.declared == placed.hw or hw != placed.declared)
    if hw != placed.declared and not upright:
        shown = f"{placed.declared[1]} x {placed.declared[0]}"
        raise segmentation.error(f"the mask is {size[1]:.0f} x {size[0]:.0f} pixels, the image {shown}")
    counts = segmentation["counts"]
    try:
        runs = _counts(counts.value, hw)
        short = hw[0] * hw[1] - int(runs.sum())
        if short > 0 and runs.min(initial=0) >= 0:
            # COCO's own tools take it so.
            remarks.note(f"its runs end {short} pixels before the mask does; the rest is taken as background")
            runs = np.append(runs, [short] if len(runs) % 2 == 0 else [0, short])
        if upright and placed.turn == UPRIGHT:
            return counts_to_patch(runs, hw)
        return Patch(0, 0, placed.mask(counts_to_mask(runs, hw)))
    except ValueError as error:
        raise counts.error(str(error)) from None


def _counts(value: object, hw: tuple[int, int]) -> NDArray[np.int64]:
    """Plain runs from what programs write for them: numbers, the compressed text, or its bytes.

    Raises:
        ValueError: They are damaged.
    """
    if isinstance(value, str):
        quoted = len(value) > 2 and value[:2] in ("b'", 'b"') and value[-1] == value[1]
        return decode_counts(value[2:-1].replace("\\\\", "\\") if quoted else value)
    if not isinstance(value, list) or not all(isinstance(each, (int, float)) for each in value):
        raise ValueError("the runs are not a list of numbers")
    letters = all(isinstance(each, int) and 48 <= each < 112 for each in value)
    if value and letters and sum(value) != hw[0] * hw[1]:  # as JSON has the bytes of a text
        return decode_counts(bytes(value))
    try:
        runs = np.array(value, np.int64)
    except (ValueError, OverflowError):
        raise ValueError("the runs are not whole numbers") from None
    if (runs > hw[0] * hw[1]).any():  # their sum may overflow
        raise ValueError(f"a run of {int(runs.max())} is longer than the mask of {hw[0] * hw[1]} pixels")
    return runs


# Keypoints
