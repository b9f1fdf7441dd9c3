"""DeepLabCut: `CollectedData_*.csv`; also written as .h5 where pandas and PyTables are installed.

Coordinates are zero-based pixels, as in the project. Images lie in `labeled-data/FOLDER/NAME`; the index has those
three levels. One instance per image makes DeepLabCut's single-animal table (scorer, bodyparts, coords), more make the
multi-animal one (with individuals). It knows no visibility: what is absent is empty, what is occluded becomes visible.
"""

from __future__ import annotations

import csv
import importlib
import io
import itertools
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
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
from counterpart.core.formats.fields import is_given, read_text
from counterpart.core.formats.instances import chosen_skeleton, instances_of, skeleton_for
from counterpart.core.formats.source import Source
from counterpart.core.jobs import JobContext
from counterpart.core.project.points import KeypointSet, Origin, Skeleton
from counterpart.core.spreadsheets import TableWriter, unguarded

SCORER = "Counterpart"
_HEADS = ("scorer", "individuals", "bodyparts", "coords")


def write_deeplabcut(dataset: Dataset, out: Path, options: ExportOptions, ctx: JobContext) -> ExportReport:
    """Write the instances of one skeleton; as .h5 when the target ends so, else as .csv.

    Raises:
        UsageError: The dataset has no skeleton, or .h5 needs what is not installed.
    """
    report = ExportReport("deeplabcut", out)
    skeleton = chosen_skeleton(dataset, options, "deeplabcut")
    rows: list[tuple[str, list[tuple[str, KeypointSet]]]] = []
    for image in with_progress(dataset.images, ctx, "Writing"):
        instances = instances_of(image, skeleton)
        if not instances:
            report.skipped.append((image.name, "it has no keypoints"))
            continue
        called = image.individuals or ("",) * len(image.keypoints)
        by_points = {id(points): name for points, name in zip(image.keypoints, called, strict=True)}
        rows.append((image.name, [(by_points[id(points)], points) for points in instances]))
        report.images += 1
        report.annotations += len(instances)
        if any((points.visibility == 1).any() for points in instances):
            report.lost.append((image.name, "which points are occluded"))
        if any(points.box is not None for points in instances):
            report.lost.append((image.name, "boxes of instances"))
    animals, names = _animals([[name for name, _ in instances] for _, instances in rows])
    heads = _heads(skeleton, animals)
    table = np.full((len(rows), len(skeleton) * len(animals) * 2), np.nan)
    for line, (_, named) in enumerate(rows):
        for animal, points in _in_columns(named, animals, names):
            start = animal * len(skeleton) * 2
            xy = np.where(points.present[:, None], points.xy, np.nan)
            table[line, start : start + len(skeleton) * 2] = xy.reshape(-1)
    index = _index([name for name, _ in rows])
    if out.suffix.lower() == ".h5":
        _write_h5(out, heads, index, table)
    else:
        write_text(out, _csv(heads, index, table))
    report.notes.append(
        f"scorer {SCORER}; the file belongs beside the images in labeled-data as CollectedData_{SCORER}"
    )
    return report


def _index(names: Sequence[str]) -> list[tuple[str, str, str]]:
    """The images' places in DeepLabCut's index, each another: `a/x/1.png` is the frame 1.png of x, or of a__x."""
    paths = [[part for part in PurePosixPath(name).parts if part != "labeled-data"] for name in names]
    short = [(path[-2] if len(path) > 1 else "images", path[-1]) for path in paths]
    counts = Counter((folder.casefold(), file.casefold()) for folder, file in short)
    return [
        ("labeled-data", folder if counts[folder.casefold(), file.casefold()] == 1 else "__".join(path[:-1]), file)
        for path, (folder, file) in zip(paths, short, strict=True)
    ]


def _animals(rows: Sequence[Sequence[str]]) -> tuple[list[str], int]:
    """Names of the columns of animals, those that have names first, and how many these are."""
    names = list(dict.fromkeys(name for row in rows for name in row if name))
    nameless = max((len(row) - len({name for name in row if name}) for row in rows), default=1)
    numbers = (f"individual{number}" for number in itertools.count(1))
    free = (name for name in numbers if name not in names)
    return [*names, *itertools.islice(free, nameless)] or ["individual1"], len(names)


def _in_columns(
    instances: Sequence[tuple[str, KeypointSet]], animals: Sequence[str], names: int
) -> Iterator[tuple[int, KeypointSet]]:
    """Each instance of an image with its column: the first `names` belong to names. A second of a name has none."""
    named = {name: points for name, points in reversed(instances) if name}
    without = [points for name, points in instances if named.get(name) is not points]
    yield from ((animals.index(name), points) for name, points in named.items())
    yield from enumerate(without, start=names)


def _heads(skeleton: Skeleton, animals: Sequence[str]) -> dict[str, list[str]]:
    count = len(skeleton) * len(animals) * 2
    heads = {"scorer": [SCORER] * count}
    if animals != ["individual1"]:
        heads["individuals"] = [name for name in animals for _ in range(len(skeleton) * 2)]
    heads["bodyparts"] = [name for _ in animals for name in skeleton.names for _ in range(2)]
    heads["coords"] = ["x", "y"] * (len(skeleton) * len(animals))
    return heads


def _csv(heads: dict[str, list[str]], index: Sequence[tuple[str, str, str]], table: np.ndarray) -> str:
    buffer = io.StringIO()
    writer = TableWriter(buffer)
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
    found: dict[str, list[tuple[str, KeypointSet]]] = {}
    skeleton: Skeleton | None = None
    for file in files:
        try:
            heads, rows = _read_csv(file, report)
            columns = _columns(heads, file)
        except FormatError as error:
            if len(files) == 1:
                raise
            report.skipped.append((file.name, error.what))
            continue
        names = list(dict.fromkeys(body for _, body in columns))
        if skeleton is None:
            skeleton = skeleton_for(names, source, "object", FormatError("a bodypart has no name", path=file))
        if not set(names) <= set(skeleton.names):
            report.skipped.append((file.name, "it has other bodyparts than the first table"))
            continue
        for line, name, values in rows:
            where = f"{file.name}, line {line}"
            found.setdefault(name, []).extend(_instances(values, columns, skeleton, where, report))
    if skeleton is None:
        raise FormatError("there are no bodyparts in this table", path=path, hint="Is it DeepLabCut's?")
    films = [name for name in found if name.isdigit()]
    if films:
        report.skipped.append((path.name, f"{len(films)} lines are of frames of a film, by number, not of images"))
    images = [
        AnnotatedImage.at(
            source.place(name, folders=files[0].parents[:4]),
            keypoints=tuple(points for _, points in sets),
            individuals=tuple(who for who, _ in sets) if any(who for who, _ in sets) else (),
        )
        for name, sets in found.items()
        if sets and not name.isdigit()
    ]
    return Dataset(skeletons=(skeleton,), images=images)


def _read_csv(path: Path, report: ImportReport) -> tuple[dict[str, list[str]], list[tuple[int, str, list[str]]]]:
    """The lines of the heading by their names, and (line number, image, values) of the others."""
    try:
        text = read_text(path)
        # A spreadsheet of some countries parts columns by semicolons, and has commas in front of the decimals.
        mark = max(",;\t", key=text.partition("\n")[0].count)
        table = csv.reader(io.StringIO(text), delimiter=mark, strict=True)
        lines = [(table.line_num, [unguarded(cell) for cell in line]) for line in table if any(line)]
    except csv.Error as error:
        raise FormatError(f"this is not a valid table ({error})", path=path, hint="Save it again as CSV") from None
    heads: dict[str, list[str]] = {}
    for number, line in lines:
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
    for number, line in lines[len(heads) :]:
        if len(line) != len(coords):
            what = f"line {number}: expected {len(coords)} columns, found {len(line)}"
            report.skipped.append((path.name, what))
            continue
        name = "/".join(part.replace("\\", "/") for part in line[:levels] if part)
        rows.append(
            (number, name, line[levels:] if mark == "," else [cell.replace(",", ".") for cell in line[levels:]])
        )
    return cut, rows


def _columns(heads: dict[str, list[str]], path: Path) -> dict[tuple[str, str], dict[str, int]]:
    """Places of x, y and, in tables of predictions, likelihood by (individual, bodypart)."""
    bodies, coords = heads["bodyparts"], heads["coords"]
    individuals = heads.get("individuals", [""] * len(bodies))
    if not len(bodies) == len(coords) == len(individuals):
        raise FormatError("the lines of the heading differ in length", path=path, hint="Export it again")
    places: dict[tuple[str, str], dict[str, int]] = {}
    for at, key in enumerate(zip(individuals, bodies, strict=True)):
        if coords[at] in ("x", "y", "likelihood"):
            if coords[at] in places.get(key, {}):
                raise FormatError(
                    f"column {at + 1}: the {coords[at]} of {' '.join(key).strip()} occurs twice",
                    path=path,
                    hint="Export it again",
                )
            places.setdefault(key, {})[coords[at]] = at
    if not places or any(not {"x", "y"} <= set(pair) for pair in places.values()):
        raise FormatError("a bodypart has no x or no y", path=path, hint="Export it again")
    return places


def _instances(
    values: list[str],
    columns: dict[tuple[str, str], dict[str, int]],
    skeleton: Skeleton,
    where: str,
    report: ImportReport,
) -> list[tuple[str, KeypointSet]]:
    """The animals of a line, by name, in the order of the columns. Points with a likelihood are a program's."""
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    predicted = False
    for (animal, body), at in columns.items():
        count = len(skeleton)
        xy, score = found.setdefault(animal, (np.full((count, 2), np.nan), np.ones(count, np.float32)))
        index = skeleton.names.index(body)
        try:
            place = [float(values[at[axis]]) for axis in ("x", "y") if is_given(values[at[axis]])]
            if "likelihood" in at:
                predicted = True
                score[index] = min(max(float(values[at["likelihood"]] or 0), 0), 1)
        except ValueError:
            report.skipped.append((where, f"{body}: {', '.join(values[at[axis]] for axis in ('x', 'y'))} is no place"))
            continue
        if len(place) == 2 and np.isfinite(place).all():
            xy[index] = place
    origin = Origin.TRANSFERRED if predicted else Origin.USER
    return [
        (animal, KeypointSet.make(xy, None, np.nan_to_num(score), origin, skeleton=skeleton.id))
        for animal, (xy, score) in found.items()
        if np.isfinite(xy).any()
    ]
