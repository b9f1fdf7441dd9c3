"""The SPair-71k layout: `ImageAnnotation`, `PairAnnotation`, `Layout`, and on request the images in `JPEGImages`.

Coordinates are zero-based pixels, as in the project. A category is a skeleton: every image with an instance of it (the
first, where there are several) is annotated, keypoints numbered in the skeleton's order, and every pair of such images
with a keypoint in common is a pair. Accepted matches of image pairs form a category `matches` of their own, their
keypoints numbered pair by pair. As the readers of SPair-71k take names apart at `-` and `:`, those become `_`, and
names are flat.
"""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from counterpart.core.errors import FormatError, ImageError, UsageError
from counterpart.core.files import atomic_folder
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    NamedMatches,
    put_file,
)
from counterpart.core.formats.fields import Node, read_json
from counterpart.core.formats.instances import corner_box, instances_of, on_photograph
from counterpart.core.formats.naming import flat_names
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.source import Source
from counterpart.core.images.decoding import open_source, opened
from counterpart.core.images.reading import read_image
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import KeypointSet, MatchSet, MatchState, Skeleton

MAX_PAIRS = 100_000
"""Pairs written at most; n images make n (n - 1) / 2."""
_MATCHES = "matches"
_SPLIT = "test"


@dataclass(frozen=True, slots=True)
class _Side:
    """One image of a pair."""

    stem: str
    hw: tuple[int, int]
    points: dict[str, list[float]]
    box: list[float]


def write_spair(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the pairs of a dataset as the split `test`."""
    report = ExportReport("spair", out)
    stems = flat_names(dataset.image_names(), forbidden="-:")
    images = {image.name: image for image in dataset.images if min(image.hw) > 0}
    used: dict[str, set[str]] = {}
    with atomic_folder(out) as folder:
        lines = []
        for number, (category, a, b) in enumerate(_pairs(dataset, images, stems, folder, used), start=1):
            if number > MAX_PAIRS:
                report.lost.append((category, f"pairs beyond the first {MAX_PAIRS}"))
                break
            if number % 200 == 1:
                ctx.step(number, 0, f"Writing pair {number}")
            line = f"{number:06d}-{a.stem}-{b.stem}:{category}"
            put_file(folder / "PairAnnotation" / _SPLIT / f"{line}.json", json.dumps(_pair(number, category, a, b)))
            lines.append(line)
        put_file(folder / "Layout" / "large" / f"{_SPLIT}.txt", "".join(f"{line}\n" for line in lines))
        if options.copy_images:
            _copy(images, stems, used, folder / "JPEGImages", report)
    annotated = set().union(*used.values()) if used else set()
    report.images, report.annotations = len(annotated), len(lines)
    report.skipped += [(name, "it is in no pair") for name in dataset.image_names() if name not in annotated]
    return report


def _pairs(
    dataset: Dataset,
    images: dict[str, AnnotatedImage],
    stems: dict[str, str],
    folder: Path,
    used: dict[str, set[str]],
) -> Iterator[tuple[str, _Side, _Side]]:
    """Every pair, with its category; annotations of images are written on the way."""
    for skeleton in dataset.skeletons:
        category = _category(skeleton.name)
        sides = []
        for name, image in images.items():
            instances = instances_of(image, skeleton)
            if not instances:
                continue
            side = _side(instances[0], stems[name], image.hw)
            put_file(
                folder / "ImageAnnotation" / category / f"{side.stem}.json",
                json.dumps(_image(side, skeleton, category)),
            )
            used.setdefault(category, set()).add(name)
            sides.append(side)
        for a, b in itertools.combinations(sides, 2):
            if a.points.keys() & b.points.keys():
                yield category, a, b
    for named in dataset.matches:
        accepted = named.matches.take(named.matches.state == MatchState.ACCEPTED)
        image_a, image_b = images.get(named.name_a), images.get(named.name_b)
        if not len(accepted) or image_a is None or image_b is None:
            continue
        used.setdefault(_MATCHES, set()).update((named.name_a, named.name_b))
        yield (
            _MATCHES,
            _match_side(accepted.xy_a.tolist(), stems[named.name_a], image_a.hw),
            _match_side(accepted.xy_b.tolist(), stems[named.name_b], image_b.hw),
        )


def _category(name: str) -> str:
    return "".join("_" if char in "-:/\\" else char for char in name) or "object"


def _side(points: KeypointSet, stem: str, hw: tuple[int, int]) -> _Side:
    places = {str(index): points.xy[index].tolist() for index in np.flatnonzero(points.present)}
    x, y, width, height = corner_box(points, hw)
    return _Side(stem, hw, places, [x, y, x + width, y + height])


def _match_side(xy: list[list[float]], stem: str, hw: tuple[int, int]) -> _Side:
    return _Side(stem, hw, {str(index): place for index, place in enumerate(xy)}, [0, 0, hw[1], hw[0]])


def _image(side: _Side, skeleton: Skeleton, category: str) -> dict[str, object]:
    return {
        "filename": f"{side.stem}.jpg",
        "category": category,
        "image_width": side.hw[1],
        "image_height": side.hw[0],
        "image_depth": 3,
        "bndbox": side.box,
        "kps": {str(index): side.points.get(str(index)) for index in range(len(skeleton))},
        "kps_names": list(skeleton.names),
        "pose": "Unspecified",
        "truncated": 0,
        "occluded": 0,
        "difficult": 0,
    }


def _pair(number: int, category: str, a: _Side, b: _Side) -> dict[str, object]:
    shared = [index for index in a.points if index in b.points]
    return {
        "pair_id": number,
        "filename": f"{number:06d}-{a.stem}-{b.stem}:{category}",
        "category": category,
        "src_imname": f"{a.stem}.jpg",
        "trg_imname": f"{b.stem}.jpg",
        "src_imsize": [a.hw[1], a.hw[0], 3],
        "trg_imsize": [b.hw[1], b.hw[0], 3],
        "src_bndbox": a.box,
        "trg_bndbox": b.box,
        "src_kps": [a.points[index] for index in shared],
        "trg_kps": [b.points[index] for index in shared],
        "kps_ids": shared,
        "src_pose": "Unspecified",
        "trg_pose": "Unspecified",
        "viewpoint_variation": 0,
        "scale_variation": 0,
        "truncation": 0,
        "occlusion": 0,
        "mirror": 0,
    }


def _copy(
    images: dict[str, AnnotatedImage],
    stems: dict[str, str],
    used: dict[str, set[str]],
    folder: Path,
    report: ExportReport,
) -> None:
    """Copies as .jpg: JPEGs as they are, others converted, as the readers of SPair-71k ask for that name."""
    for category, names in used.items():
        for name in sorted(names):
            file, target = images[name].file, folder / category / f"{stems[name]}.jpg"
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                if file is None:
                    raise ImageError("there is no file")  # noqa: TRY301
                with open_source(file, whole=False) as source, opened(source, file) as image:
                    as_it_is = image.format == "JPEG" and image.getexif().get(0x0112, 1) == 1
                if as_it_is:
                    shutil.copyfile(file, target)
                else:
                    Image.fromarray(read_image(file).rgb).save(target, "JPEG", quality=95)
            except (ImageError, OSError):
                report.lost.append((name, "the image itself: its file could not be read"))


def read_spair(path: Path, source: Source, _ctx: JobContext, report: ImportReport) -> Dataset:
    """Read image annotations as instances, and pairs of the category `matches` as accepted matches.

    Raises:
        FormatError: There are none.
    """
    files = sorted((path / "ImageAnnotation").glob("*/*.json"))
    pair_files = sorted((path / "PairAnnotation").glob(f"*/*:{_MATCHES}.json"))
    if not files and not pair_files:
        raise FormatError("there is no ImageAnnotation here", path=path, hint="Choose the folder that contains it")
    skeletons: dict[str, Skeleton] = {}
    found: dict[str, list[KeypointSet]] = {}
    images: dict[str, Placed] = {}
    for file in files:
        try:
            name, category, hw, points, names = _read_image(file)
            skeleton = skeletons.setdefault(category, Skeleton(names, name=category, id=len(skeletons) + 1))
        except (FormatError, UsageError) as error:
            report.skipped.append((file.name, error.what))
            continue
        if len(points) != len(names) or set(names) != set(skeleton.names):
            report.skipped.append((file.name, f"its keypoints are not those of the other images of {category}"))
            continue
        order = [names.index(wanted) for wanted in skeleton.names]  # files may list the same keypoints differently
        if name not in images:
            images[name] = source.place(name, folders=(path / "JPEGImages" / category,), declared=hw)
        instance = KeypointSet.make(points[order], skeleton=skeleton.id)
        found.setdefault(name, []).append(on_photograph(instance, images[name]))
    matches = []
    for file in pair_files:
        try:
            named = _read_pair(file)
        except FormatError as error:
            report.skipped.append((file.name, error.what))
            continue
        matches.append(named)
        for name in (named.name_a, named.name_b):
            if name not in images:
                images[name] = source.place(name, folders=(path / "JPEGImages" / _MATCHES,))
    return Dataset(
        skeletons=tuple(skeletons.values()),
        images=[AnnotatedImage.at(placed, keypoints=tuple(found.get(name, ()))) for name, placed in images.items()],
        matches=matches,
    )


def _read_image(file: Path) -> tuple[str, str, tuple[int, int], np.ndarray, tuple[str, ...]]:
    data = read_json(file)
    kps = dict(data["kps"].items())
    if not all(key.isdigit() and int(key) < 10_000 for key in kps):
        raise data["kps"].error("keypoints are numbered")
    count = max((int(key) + 1 for key in kps), default=0)
    xy = np.full((count, 2), np.nan)
    for key, node in kps.items():
        if node.value is not None:
            xy[int(key)] = node.numbers(2)
    given = data.get("kps_names")
    names = tuple(str(number) for number in range(count)) if given is None else tuple(node.text() for node in given)
    hw = data["image_height"].size(), data["image_width"].size()
    category = data.get("category")
    return data["filename"].text(), file.parent.name if category is None else category.text(), hw, xy, names


def _read_pair(file: Path) -> NamedMatches:
    data: Node = read_json(file)
    xy_a = np.array([point.numbers(2) for point in data["src_kps"]]).reshape(-1, 2)
    xy_b = np.array([point.numbers(2) for point in data["trg_kps"]]).reshape(-1, 2)
    if len(xy_a) != len(xy_b):
        raise data.error(f"{len(xy_a)} points in one image, {len(xy_b)} in the other")
    matches = MatchSet.make(0, 1, xy_a, xy_b, state=MatchState.ACCEPTED)
    return NamedMatches(data["src_imname"].text(), data["trg_imname"].text(), matches)
