"""Which format a file or folder is in, from its name and the first of what it holds; nothing is read whole."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

from counterpart.core.folders import files_below

_PEEK = 1 << 18
_LOOKED_AT = 200
_BY_SUFFIX = {".npz": "npz", ".slp": "sleap", ".tps": "tps", ".h5": "deeplabcut", ".hdf5": "deeplabcut"}
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
_COCO = re.compile(r'"images"\s*:\s*\[')
"""A sign of COCO's files that Label Studio's list of tasks, which has annotations too, lacks."""
_JSON_SIGNS = (
    ("labelme", r'"shapes"\s*:\s*\['),
    ("matches", r'"(pairs|sets)"\s*:\s*\['),
    ("coco-keypoints", r'"keypoints"\s*:\s*\['),
    ("coco", r'"(annotations|categories)"\s*:\s*\['),
    ("coco", r'"(image_id|category_id|predicted_iou)"\s*:'),  # a list of results
)


def guess_format(path: str | Path) -> str | None:
    """The name of the format that a file or folder is most probably in, None where nothing speaks for one.

    A guess is for a person to confirm; reading checks everything.
    """
    place = Path(path)
    if place.is_dir():
        return _of_folder(place)
    if not place.is_file():
        return None
    suffix = place.suffix.lower()
    if suffix == ".json":
        return _of_json(place)
    if suffix == ".csv":
        return "deeplabcut" if _peek(place).lstrip("\ufeff").startswith("scorer") else "csv"
    if suffix == ".xml":
        text = _peek(place)
        return "cvat" if "<annotations" in text else "voc" if "<annotation>" in text and "<object>" in text else None
    if suffix in (".yaml", ".yml"):
        return "yolo-pose" if "kpt_shape" in _peek(place) else "yolo-seg"
    if suffix == ".png":
        return "indexed-png"
    return _BY_SUFFIX.get(suffix)


def _of_folder(folder: Path) -> str | None:
    if (folder / "ImageAnnotation").is_dir() or (folder / "PairAnnotation").is_dir():
        return "spair"
    if folder.name == "SegmentationClass" or (folder / "SegmentationClass").is_dir():
        return "voc"
    if (folder / "Annotations").is_dir() and any(_some(folder / "Annotations", "*.png")):
        return "davis"
    if any(guess_format(file) == "voc" for file in _some(folder / "Annotations", "*.xml")):
        return "voc"  # of boxes alone, which its reader says
    if guess_format(folder / "annotations.xml") == "cvat":
        return "cvat"
    if any(_some(folder, "CollectedData_*.csv")):
        return "deeplabcut"
    settings = [*folder.glob("*.yaml"), *folder.glob("*.yml")]
    yolo = "yolo-pose" if any("kpt_shape" in _peek(file) for file in settings) else "yolo-seg"
    if any(file.stem == "data" for file in settings):
        return yolo
    if any(_of_json(file) == "labelme" for file in _some(folder, "*.json")):
        return "labelme"
    if any(_is_yolo(file) for file in _some(folder, "*.txt")):
        return yolo
    pictures = any(_some(folder, "*.[pP][nN][gG]"))
    return "indexed-png" if pictures and not _sets_in(folder) and not _files_in(folder) else None


def _sets_in(folder: Path) -> list[str]:
    """The folders in one that are data sets by their layout."""
    layouts = ("SegmentationClass", "PairAnnotation", "annotations.xml")
    inner = [one for one in sorted(folder.iterdir()) if one.is_dir() and not one.name.startswith(".")]
    return [
        one.name
        for one in inner[:_LOOKED_AT]
        if any((one / name).exists() for name in layouts)
        or ((one / "Annotations").is_dir() and (one / "JPEGImages").is_dir())
    ]


def _files_in(folder: Path) -> list[str]:
    """The files in a folder that are data sets by themselves; a person has to say which."""
    files = [file for file in _some(folder, "*.json") if _COCO.search(_peek(file) + _peek(file, tail=True))]
    return [file.relative_to(folder).as_posix() for file in files]


def why_unknown(path: str | Path) -> str:
    """What a person may do about a file or folder in which `guess_format` recognises nothing."""
    place = Path(path)
    if place.suffix.lower() in _ARCHIVES and place.is_file():
        return "This is an archive: unpack it first, and choose the folder"
    sets = _sets_in(place) if place.is_dir() else []
    if sets:
        return f"Choose one of the data sets in it: {', '.join(sets[:3])}"
    files = _files_in(place) if place.is_dir() else []
    if files:
        return f"Choose one of the files in it: {', '.join(files[:3])}"
    return "Name it with --format"


def _some(folder: Path, pattern: str) -> Iterator[Path]:
    return itertools.islice(files_below(folder, pattern), _LOOKED_AT)


def _of_json(file: Path) -> str | None:
    """The kind of a JSON file by the keys in its first and last stretch: it may be of a gigabyte."""
    text = _peek(file) + _peek(file, tail=True)
    for name, sign in _JSON_SIGNS:
        if re.search(sign, text) and (name != "coco-keypoints" or _has_points(text)):
            return name
    return None


def _has_points(text: str) -> bool:
    """Whether a list of keypoints has anything in it: COCO instances may carry empty ones along."""
    return bool(re.search(r'"keypoints"\s*:\s*\[\s*["\d-]', text))


def _is_yolo(file: Path) -> bool:
    words = _peek(file).split("\n", 1)[0].split()
    try:
        numbers = [float(word) for word in words]
    except ValueError:
        return False
    box = len(numbers) == 5 and all(0 <= number <= 1 for number in numbers[1:])  # its reader says that they are boxes
    return (len(numbers) >= 7 or box) and numbers[0].is_integer()


def _peek(file: Path, *, tail: bool = False) -> str:
    try:
        with file.open("rb") as handle:
            if tail:
                handle.seek(max(file.stat().st_size - _PEEK, 0))
            return handle.read(_PEEK).decode("utf-8", "replace")
    except OSError:
        return ""
