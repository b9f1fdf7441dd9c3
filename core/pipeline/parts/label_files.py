"""Label pictures of some images in a folder: which belongs to which, and what their values mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counterpart.core.errors import FormatError
from counterpart.core.folders import files_below
from counterpart.core.formats.fields import read_bytes, read_json
from counterpart.core.formats.indexed_png import LEGEND
from counterpart.core.formats.pictures import read_label_picture
from counterpart.core.images.reading import ImageRef
from counterpart.core.jobs import JobContext
from counterpart.core.pipeline.outputs import output_paths
from counterpart.core.pipeline.parts.propagation import GivenLabels, ReadLabels
from counterpart.core.project.model import MAX_PART_ID
from counterpart.core.project.palette import Colour, parse_colour

_OBJECT = 255


@dataclass(frozen=True, slots=True)
class LabelFolder:
    """Labels found in a folder.

    Attributes:
        given: By the image's name.
        names: What values mean, where a legend says so.
        colours: Their colours, likewise.
    """

    given: dict[str, GivenLabels]
    names: dict[int, str]
    colours: dict[int, Colour]


def read_label_folder(
    folder: Path, refs: Sequence[ImageRef], ctx: JobContext, *, ignore: int | None = None
) -> LabelFolder:
    """Find the label picture of each image: `sub/cat.jpg` has `sub/cat.png`, or what the legend says.

    Indexed or grey PNGs; 0 is background. `labels.json`, as an export writes it, names the parts; in `report.json`, as
    `parts` and `propagate` write it, their names are found too. Without either, where all pictures hold only 0 and 255,
    they are masks of one part, unless 255 is to be ignored. Not every image needs a picture; a picture without its
    image is recorded in the context's failures.

    Raises:
        FormatError: There is no folder or no picture in it, or the legend is damaged.
    """
    if not folder.is_dir():
        raise FormatError("there is no such folder of labels", path=folder, hint="Check --labels")
    files = [file for file in sorted(files_below(folder, "*.png")) if "overlays" not in file.relative_to(folder).parts]
    if not files:
        raise FormatError("there are no label pictures here", path=folder, hint="Labels are PNG files")
    names, colours, legend = _legend(folder)
    wanted = {path: ref.name for path, ref in zip(output_paths(refs, folder, ".png"), refs, strict=True)}
    known = {ref.name for ref in refs}
    found: dict[str, Path] = {}
    for file in files:
        name = legend.get(file.relative_to(folder).as_posix()) or wanted.get(file)
        if name is None or name not in known:
            ctx.fail(
                FormatError(
                    "these labels belong to none of the images", path=file, hint="Name them as their image, with .png"
                )
            )
            continue
        found[name] = file
    binary = not names and ignore != _OBJECT and bool(found) and all(_is_binary(file) for file in found.values())
    given = {name: GivenLabels(_reader(file, binary), version=file) for name, file in found.items()}
    return LabelFolder(given, names, colours)


def _is_binary(file: Path) -> bool:
    try:
        return set(np.unique(read_label_picture(read_bytes(file), file)).tolist()) <= {0, _OBJECT}
    except FormatError:
        return True  # named when it is read


def _reader(file: Path, binary: bool) -> ReadLabels:
    def read() -> NDArray[np.integer]:
        values = read_label_picture(read_bytes(file), file)
        return (values > 0).astype(np.uint8) if binary else values

    return read


def _legend(folder: Path) -> tuple[dict[int, str], dict[int, Colour], dict[str, str]]:
    """Names, colours, and the image that each picture belongs to; all empty without a legend."""
    file = folder / LEGEND
    if not file.is_file():
        return _reported(folder), {}, {}
    data = read_json(file)
    names: dict[int, str] = {}
    colours: dict[int, Colour] = {}
    for entry in data["parts"]:
        value = entry["id"].integer(1, MAX_PART_ID)
        names[value] = entry["name"].text()
        colour = entry.get("colour")
        if colour is not None:
            colours[value] = parse_colour(colour.text())
    images = data.get("images")
    return names, colours, {} if images is None else {picture: name.text() for picture, name in images.items()}


def _reported(folder: Path) -> dict[int, str]:
    """Names in the report of an earlier run, if there is one that says so."""
    file = folder / "report.json"
    if not file.is_file():
        return {}
    labels = read_json(file).get("labels")
    if labels is None:
        return {}
    return {int(value): name.text() for value, name in labels.items() if value.isdigit()}
