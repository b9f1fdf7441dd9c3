"""DeepLabCut: `CollectedData_*.csv`; also written as .h5 where pandas and PyTables are installed.

Coordinates are zero-based pixels, as in the project. Images lie in `labeled-data/FOLDER/NAME`; the index has those
three levels. One instance per image makes DeepLabCut's single-animal table (scorer, bodyparts, coords), more make the
multi-animal one (with individuals). It knows no visibility: what is absent is empty, what is occluded becomes visible.
"""

from __future__ import annotations

import csv
import importlib
import io
import tempfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from counterpart.core.errors import FormatError, UsageError
from counterpart.core.files import write_bytes, write_text
from counterpart.core.folders import files_below
from counterpart.core.formats.base import (
    AnnotatedImage,
    Dataset,
    ExportOptions,
    ExportReport,
    ImportReport,
    with_progress,
)
from counterpart.core.formats.fields import Node, read_text
from counterpart.core.formats.instances import chosen_skeleton, instances_of, skeleton_for
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import KeypointSet, Skeleton

SCORER = "Counterpart"
_HEADS = ("scorer", "individuals", "bodyparts", "coords")


def write_deeplabcut(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the instances of one skeleton; as .h5 when the target ends so, else as .csv.

    Raises:
        UsageError: The dataset has no skeleton, or .h5 needs what is not installed.
    """
    report = ExportReport("deeplabcut", out)
    skeleton = chosen_skeleton(dataset, options, "deeplabcut")
    rows: list[tuple[tuple[str, str, str], list[KeypointSet]]] = []
    for image in with_progress(dataset.images, ctx, "Writing"):
        instances = instances_of(image, skeleton)
        if not instances:
            report.skipped.append((image.name, "it has no keypoints"))
            continue
        rows.append((_levels(image.name), instances))
        report.images += 1
        report.annotations += len(instances)
        if any((points.visibility == 1).any() for points in instances):
            report.lost.append((image.name, "which points are occluded"))
        if any(points.box is not None for points in instances):
            report.lost.append((image.name, "boxes of instances"))
    animals = max((len(instances) for _, instances in rows), default=1)
    heads = _heads(skeleton, animals)
    table = np.full((len(rows), len(skeleton) * animals * 2), np.nan)
    for line, (_, instances) in enumerate(rows):
        for animal, points in enumerate(instances):
            start = animal * len(skeleton) * 2
            xy = np.where(points.present[:, None], points.xy, np.nan)
            table[line, start : start + len(skeleton) * 2] = xy.reshape(-1)
    index = [levels for levels, _ in rows]
    if out.suffix.lower() == ".h5":
        _write_h5(out, heads, index, table)
    else:
        write_text(out, _csv(heads, index, table))
    report.notes.append(
        f"scorer {SCORER}; the file belongs beside the images in labeled-data as CollectedData_{SCORER}"
    )
    return report


def _levels(name: str) -> tuple[str, str, str]:
    """An image's place in DeepLabCut's index."""
    path = PurePosixPath(name)
    parts = [part for part in path.parts[:-1] if part != "labeled-data"]
    return "labeled-data", parts[-1] if parts else "images", path.name


def _heads(skeleton: Skeleton, animals: int) -> dict[str, list[str]]:
    count = len(skeleton) * animals * 2
    heads = {"scorer": [SCORER] * count}
    if animals > 1:
        heads["individuals"] = [f"individual{a + 1}" for a in range(animals) for _ in range(len(skeleton) * 2)]
    heads["bodyparts"] = [name for _ in range(animals) for name in skeleton.names for _ in range(2)]
    heads["coords"] = ["x", "y"] * (len(skeleton) * animals)
    return heads


def _csv(heads: dict[str, list[str]], index: Sequence[tuple[str, str, str]], table: np.ndarray) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for name, row in heads.items():
        writer.writerow([name, "", "", *row])
    for levels, values in zip(index, table.tolist(), strict=True):
        writer.writerow([*levels, *("" if np.isnan(value) else repr(value) for value in values)])
    return buffer.getvalue()


def _pandas() -> Any:
    try:
        importlib.import_module("tables")
        return importlib.import_module("pandas")
    except ImportError:
        raise UsageError(
            "DeepLabCut's .h5 needs pandas and PyTables", hint="Use .csv, or pip install pandas tables"
        ) from None


def _write_h5(out: Path, heads: dict[str, list[str]], index: Sequence[tuple[str, str, str]], table: np.ndarray) -> None:
    pandas = _pandas()
    columns = pandas.MultiIndex.from_arrays(list(heads.values()), names=list(heads))
    frame = pandas.DataFrame(table, columns=columns, index=pandas.MultiIndex.from_tuples(index))
    with tempfile.TemporaryDirectory() as folder:  # PyTables wants a path of its own
        file = Path(folder) / "labels.h5"
        frame.to_hdf(file, key="df_with_missing", mode="w")
        write_bytes(out, file.read_bytes())


def read_deeplabcut(path: Path, source: Source, _ctx: JobContext, report: ImportReport) -> Dataset:
    """Read a table of labels, single- or multi-animal; or every `CollectedData_*` below a folder.

    Raises:
        FormatError: The heading or a value makes no sense; the line is named.
    """
    if path.is_dir():
        files = sorted(files_below(path, "CollectedData_*.csv"))
        if not files:
            raise FormatError("there is no CollectedData_*.csv here", path=path, hint="Choose the project's folder")
    elif path.suffix.lower() in (".h5", ".hdf5"):
        raise FormatError(
            "DeepLabCut's .h5 holds pickled objects, which can run code when they are read",
            path=path,
            hint="Choose the .csv that DeepLabCut keeps beside it: it has the same labels",
        )
    else:
        files = [path]
    found: dict[str, list[KeypointSet]] = {}
    skeleton: Skeleton | None = None
    for file in files:
        heads, rows = _read_csv(file)
        columns = _columns(heads, file)
        names = list(dict.fromkeys(body for _, body in columns))
        if skeleton is None:
            skeleton = skeleton_for(names, source, "object", FormatError("a bodypart has no name", path=file))
        if not set(names) <= set(skeleton.names):
            report.skipped.append((file.name, "it has other bodyparts than the first table"))
            continue
        for line, (name, values) in enumerate(rows, start=len(heads) + 1):
            found.setdefault(name, []).extend(_instances(values, columns, skeleton, file, line))
    if skeleton is None:
        raise FormatError("there are no bodyparts in this table", path=path, hint="Is it DeepLabCut's?")
    images = [
        AnnotatedImage.at(source.place(name, folders=files[0].parents[:4]), keypoints=tuple(sets))
        for name, sets in found.items()
        if sets
    ]
    return Dataset(skeletons=(skeleton,), images=images)


def _read_csv(path: Path) -> tuple[dict[str, list[str]], list[tuple[str, list[str]]]]:
    try:
        lines = [line for line in csv.reader(io.StringIO(read_text(path)), strict=True) if any(line)]
    except csv.Error as error:
        raise FormatError(f"this is not a valid table ({error})", path=path, hint="Save it again as CSV") from None
    heads: dict[str, list[str]] = {}
    for number, line in enumerate(lines, start=1):
        if line[0] not in _HEADS:
            break
        if line[0] in heads:
            raise FormatError(f"line {number}: the heading {line[0]} stands there again", path=path, hint="Remove one")
        heads[line[0]] = line
    if "bodyparts" not in heads or "coords" not in heads:
        raise FormatError(
            "the first lines are not scorer, bodyparts and coords", path=path, hint="Choose DeepLabCut's CollectedData"
        )
    # The index has one level (a path) in older files, three in newer ones, whose heading is empty there.
    coords = heads["coords"]
    levels = next((at for at in range(1, len(coords)) if coords[at]), len(coords))
    cut = {name: row[levels:] for name, row in heads.items()}
    rows = []
    for number, line in enumerate(lines[len(heads) :], start=len(heads) + 1):
        if len(line) != len(coords):
            raise FormatError(f"line {number}: expected {len(coords)} columns, found {len(line)}", path=path)
        rows.append(("/".join(part.replace("\\", "/") for part in line[:levels] if part), line[levels:]))
    return cut, rows


def _columns(heads: dict[str, list[str]], path: Path) -> dict[tuple[str, str], tuple[int, int]]:
    """Places of x and y by (individual, bodypart)."""
    bodies, coords = heads["bodyparts"], heads["coords"]
    individuals = heads.get("individuals", [""] * len(bodies))
    if not len(bodies) == len(coords) == len(individuals):
        raise FormatError("the lines of the heading differ in length", path=path, hint="Export it again")
    places: dict[tuple[str, str], dict[str, int]] = {}
    for at, key in enumerate(zip(individuals, bodies, strict=True)):
        if coords[at] in ("x", "y"):
            if coords[at] in places.get(key, {}):
                raise FormatError(
                    f"column {at + 1}: the {coords[at]} of {' '.join(key).strip()} occurs twice",
                    path=path,
                    hint="Export it again",
                )
            places.setdefault(key, {})[coords[at]] = at
    if not places or any(len(pair) != 2 for pair in places.values()):
        raise FormatError("a bodypart has no x or no y", path=path, hint="Export it again")
    return {key: (pair["x"], pair["y"]) for key, pair in places.items()}


def _instances(
    values: list[str],
    columns: dict[tuple[str, str], tuple[int, int]],
    skeleton: Skeleton,
    path: Path,
    line: int,
) -> list[KeypointSet]:
    by_animal: dict[str, np.ndarray] = {}
    for (animal, body), (at_x, at_y) in columns.items():
        xy = by_animal.setdefault(animal, np.full((len(skeleton), 2), np.nan))
        if values[at_x].strip() and values[at_y].strip() and "nan" not in (values[at_x].lower(), values[at_y].lower()):
            where = f"line {line}, {body}"
            xy[skeleton.names.index(body)] = (
                Node(values[at_x], path, where).number(),
                Node(values[at_y], path, where).number(),
            )
    return [KeypointSet.make(xy, skeleton=skeleton.id) for xy in by_animal.values() if np.isfinite(xy).any()]
