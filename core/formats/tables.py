"""Keypoints as plain text: CSV (everything, one line for each point) and TPS (landmarks of morphometrics).

CSV has the columns image, instance, skeleton, keypoint, x, y, visibility, score, origin; x and y are the project's
pixels, centres at integers. TPS has its origin in the image's lower left corner, y upwards, so a point of an image of
height h is (x + 0.5, h - y - 0.5); it knows neither names nor visibility: landmarks come in the skeleton's order, an
absent one is -1 -1.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import numpy as np

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.files import write_text
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    with_progress,
)
from counterpart.core.formats.fields import Node, is_given, read_text
from counterpart.core.formats.instances import chosen_skeleton, instances_of, skeleton_for
from counterpart.core.formats.placed import Placed
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.core.spreadsheets import TableWriter, unguarded

_COLUMNS = ("image", "instance", "skeleton", "keypoint", "x", "y", "visibility", "score", "origin")


def write_csv(dataset: Dataset, out: Path, _options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write every point of a dataset."""
    report = ExportReport("csv", out)
    buffer = io.StringIO()
    writer = TableWriter(buffer)
    writer.writerow(_COLUMNS)
    for image in with_progress(dataset.images, ctx, "Writing"):
        if not image.keypoints:
            report.skipped.append((image.name, "it has no keypoints"))
            continue
        called = image.individuals or ("",) * len(image.keypoints)
        for number, (points, who) in enumerate(zip(image.keypoints, called, strict=True), start=1):
            skeleton = dataset.skeleton(points.skeleton)
            for index, name in enumerate(skeleton.names):
                x, y = (repr(float(value)) if np.isfinite(value) else "" for value in points.xy[index])
                origin = Origin(int(points.origin[index])).name.lower()
                row = [image.name, who or number, skeleton.name, name, x, y, int(points.visibility[index])]
                writer.writerow([*row, f"{points.score[index]:.6g}", origin])
            if points.box is not None:
                report.lost.append((image.name, "the box of an instance"))
        report.images += 1
        report.annotations += len(image.keypoints)
    write_text(out, buffer.getvalue())
    return report


def read_csv(path: Path, source: Source, _ctx: JobContext, report: ImportReport) -> Dataset:
    """Read a table with at least the columns image, keypoint, x and y, separated by commas, semicolons or tabs.

    Lines that make no sense are left out and named.

    Raises:
        FormatError: It is no such table.
    """
    rows = _csv_rows(path)
    fields = set(rows[0][1]) if rows else set()
    missing = [name for name in ("image", "keypoint", "x", "y") if name not in fields]
    if missing:
        raise FormatError(f"the column {missing[0]} is missing", path=path, hint=f"Columns are {', '.join(_COLUMNS)}")
    names: dict[str, dict[str, None]] = {}
    grouped: dict[str, dict[tuple[str, str], list[tuple[int, dict[str, str]]]]] = {}
    for line, row in rows:
        if None in row or None in row.values():
            report.skipped.append((f"line {line}", "it has another number of columns than the first"))
        elif not row["keypoint"].strip() or not row["image"].strip():
            report.skipped.append((f"line {line}", "it names no keypoint or no image"))
        else:
            kind = row.get("skeleton") or "object"
            names.setdefault(kind, {}).setdefault(row["keypoint"])
            image = grouped.setdefault(row["image"], {})
            image.setdefault((row.get("instance") or "1", kind), []).append((line, row))
    nameless = FormatError("the keypoints' names make no skeleton", path=path, hint="Correct the column keypoint")
    skeletons = {
        kind: Skeleton(found.names, found.edges, found.colours, found.mirror_pairs, kind, number)
        for number, (kind, listed) in enumerate(names.items(), start=1)
        for found in [skeleton_for(list(listed), source, kind, nameless)]
    }
    images = []
    for name, groups in grouped.items():
        read = [(who, _row_points(rows, skeletons[kind], path, report)) for (who, kind), rows in groups.items()]
        instances = [(who, points) for who, points in read if points.present.any()]
        named = tuple("" if who.isdigit() else who for who, _ in instances)
        points = tuple(points for _, points in instances)
        images.append(AnnotatedImage.at(source.place(name), keypoints=points, individuals=named))
    return Dataset(skeletons=tuple(skeletons.values()), images=images)


def _csv_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """The lines of a table by number and names of columns, whichever way a spreadsheet of some country wrote it.

    Raises:
        FormatError: It is no table.
    """
    text = read_text(path, older=True)
    heading = text.partition("\n")[0]
    mark = max(",;\t", key=heading.count)
    try:
        reader = csv.DictReader(io.StringIO(text), delimiter=mark, strict=True)
        rows = [
            (reader.line_num, {key: unguarded(cell) if isinstance(cell, str) else cell for key, cell in row.items()})
            for row in reader
            if any(row.values())
        ]
    except csv.Error as error:
        raise FormatError(f"this is not a valid table ({error})", path=path, hint="Save it again as CSV") from None
    if mark == ",":
        return rows
    for _, row in rows:  # where commas do not part columns, they may stand before the decimals
        row.update({key: row[key].replace(",", ".") for key in ("x", "y", "score") if row.get(key)})
    return rows


def _row_points(
    rows: list[tuple[int, dict[str, str]]], skeleton: Skeleton, path: Path, report: ImportReport
) -> KeypointSet:
    count = len(skeleton)
    xy, visibility = np.full((count, 2), np.nan), np.zeros(count, np.uint8)
    score, origin = np.ones(count, np.float32), np.zeros(count, np.uint8)
    places = {name: index for index, name in enumerate(skeleton.names)}
    seen: dict[int, int] = {}
    for line, row in rows:
        index = places[row["keypoint"]]
        data = Node(row, path, f"line {line}")
        try:
            if seen.setdefault(index, line) != line:
                raise data.error(f"{row['keypoint']} of this instance stands in line {seen[index]} already")
            if not (is_given(row["x"]) and is_given(row["y"])):
                continue
            place = data["x"].number(), data["y"].number()
            seen_as = data["visibility"].integer(0, 2) if row.get("visibility") else 2
            sure = min(max(data["score"].number(), 0), 1) if row.get("score") else 1
            whose = Origin[row["origin"].upper()] if row.get("origin") else Origin.USER
        except KeyError:
            report.skipped.append((f"line {line}", "its origin is not user, transferred or confirmed"))
            continue
        except FormatError as error:
            report.skipped.append((f"line {line}", error.what))
            continue
        xy[index], visibility[index], score[index], origin[index] = place, seen_as, sure, whose
    return KeypointSet.make(xy, visibility, score, origin, skeleton=skeleton.id)


def write_tps(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the instances of one skeleton, one specimen each.

    Raises:
        UsageError: The dataset has no skeleton.
    """
    report = ExportReport("tps", out)
    skeleton = chosen_skeleton(dataset, options, "tps")
    report.notes.append(f"landmarks in this order: {', '.join(skeleton.names)}")
    text: list[str] = []
    for image in with_progress(dataset.images, ctx, "Writing"):
        instances = instances_of(image, skeleton)
        if not instances or image.hw[0] == 0:
            report.skipped.append((image.name, "its size is not known" if instances else "it has no keypoints"))
            continue
        for points in instances:
            text.append(f"LM={len(skeleton)}\n")
            for (x, y), visibility in zip(points.xy.tolist(), points.visibility, strict=True):
                text.append(f"{x + 0.5:.6f} {image.hw[0] - y - 0.5:.6f}\n" if visibility else "-1 -1\n")
            text.append(f"IMAGE={image.name}\nID={report.annotations}\n")
            report.annotations += 1
            if (points.visibility == 1).any():
                report.lost.append((image.name, "which points are occluded"))
            if points.box is not None:
                report.lost.append((image.name, "the box of an instance"))
        report.images += 1
    write_text(out, "".join(text))
    return report


def read_tps(path: Path, source: Source, _ctx: JobContext, report: ImportReport) -> Dataset:
    """Read specimens. Landmarks take the names of the project's only skeleton with as many points, else 1, 2, ...

    A landmark that cannot be read is absent, and named; `NA` is absent. Decimals may follow a comma.

    Raises:
        FormatError: There are no landmarks in it.
    """
    specimens: list[tuple[np.ndarray, str]] = []
    lines = read_text(path, older=True).splitlines()
    at = 0
    usable = False  # whether what follows is of the last specimen, not of one that was left out
    refused: FormatError | None = None
    while at < len(lines):
        key, _, value = lines[at].partition("=")
        at += 1
        if key.strip().upper() == "LM":
            usable = False
            try:
                count = Node(value.strip(), path, f"line {at}").integer(0, len(lines))
            except FormatError as error:
                refused = refused or error
                report.skipped.append((path.name, error.what))
                continue
            block = lines[at : at + count]
            if len(block) != count or any("=" in line for line in block):
                report.skipped.append((f"line {at}", f"there are not {count} landmarks after it"))
                continue
            usable = True
            places = [_landmark(line, at + offset + 1, report) for offset, line in enumerate(block)]
            specimens.append((np.array(places, np.float64).reshape(-1, 2), ""))
            at += count
        elif key.strip().upper() == "IMAGE" and usable:
            specimens[-1] = (specimens[-1][0], value.strip())
        elif key.strip().upper() in ("LM3", "CURVES", "OUTLINES"):
            usable &= key.strip().upper() != "LM3"
            report.lost.append((path.name, f"line {at}: {key.strip()}"))
    if not any(len(places) for places, _ in specimens):
        if refused is not None:
            raise refused
        raise FormatError("there are no landmarks (LM=) in this file", path=path, hint="Is it a TPS file?")
    return _specimens(specimens, path, source, report)


def _landmark(line: str, number: int, report: ImportReport) -> tuple[float, float]:
    """X and y of a line; NaN where it gives none."""
    words = line.split()
    if len(words) == 2:
        words = [word.replace(",", ".") for word in words]
    elif len(words) == 1 and words[0].count(",") == 1:
        words = words[0].split(",")
    if len(words) != 2:
        report.skipped.append((f"line {number}", f"expected 2 numbers, found {len(words)}"))
        return np.nan, np.nan
    if not all(is_given(word) for word in words):
        return np.nan, np.nan
    try:
        return float(words[0]), float(words[1])
    except ValueError:
        report.skipped.append((f"line {number}", f"{line.strip()[:40]!r} is no place"))
        return np.nan, np.nan


def _specimens(specimens: list[tuple[np.ndarray, str]], path: Path, source: Source, report: ImportReport) -> Dataset:
    # Who has not finished an image has fewer on it, or none.
    count = Counter(len(points) for points, _ in specimens if len(points)).most_common(1)[0][0]
    fitting = [skeleton for skeleton in source.skeletons if len(skeleton) == count]
    if len(fitting) == 1:
        report.lost.append((path.name, f"which landmark is which: taken in the order of {fitting[0].name}"))
    try:
        skeleton = fitting[0] if len(fitting) == 1 else Skeleton(tuple(str(n + 1) for n in range(count)), id=1)
    except UsageError as error:
        raise FormatError(error.what, path=path, hint="Correct the file") from None
    found: dict[str, list[KeypointSet]] = {}
    places: dict[str, Placed] = {}
    for number, (points, name) in enumerate(specimens, start=1):
        where = name or f"specimen {number}"
        placed = places.setdefault(name, source.place(name))
        problem = placed.problem or ("" if min(placed.hw) > 0 else "the size of its image is not known")
        if len(points) != count:
            problem = f"it has {len(points)} landmarks, others have {count}" if len(points) else "it has no landmarks"
        if problem:
            report.skipped.append((where, problem))
            continue
        hw = placed.hw
        xy = np.stack([points[:, 0] - 0.5, hw[0] - points[:, 1] - 0.5], axis=1)
        xy[(points < 0).all(axis=1) | ~np.isfinite(points).all(axis=1)] = np.nan
        found.setdefault(name, []).append(KeypointSet.make(xy, skeleton=skeleton.id))
    images = [AnnotatedImage.at(places[name], keypoints=tuple(sets)) for name, sets in found.items()]
    return Dataset(skeletons=(skeleton,), images=images)
